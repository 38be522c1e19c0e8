<?php

namespace MediaWiki\Extension\Auwai;

/**
 * Sends items to the Auwai service, in their order and in requests of the permitted size.
 *
 * A request that the service refuses as a whole for its content (400, 413, 422) is cut in two
 * until the item at fault is alone, so one bad item never holds up the others.
 *
 * @license GPL-2.0-or-later
 */
class Sender {
	/** Limits of one request to the service. */
	public const MAX_ITEMS = 1000;
	public const MAX_BYTES = 10000000;

	private const PATHS = [ Item::JOB => '/v1/jobs', Item::EVENT => '/v1/events' ];
	private const SUCCESS = [ Item::JOB => [ 201, 202 ], Item::EVENT => [ 201, 202 ] ];
	private const BAD_CONTENT = [ 400, 413, 422 ];

	/** @var Client */
	private $client;

	/**
	 * @param Client $client
	 */
	public function __construct( Client $client ) {
		$this->client = $client;
	}

	/**
	 * @param Item[] $items
	 * @return SendResult
	 */
	public function send( array $items ): SendResult {
		$result = new SendResult();
		foreach ( self::requests( $items ) as $request ) {
			if ( !$this->request( $request, $result ) ) {
				break;
			}
		}
		return $result;
	}

	/**
	 * @param Item[] $items
	 * @return Item[][] Runs of items of one kind that fit into a request
	 */
	public static function requests( array $items ): array {
		$requests = [];
		$now = [];
		$bytes = 2;
		foreach ( $items as $item ) {
			$length = strlen( $item->json ) + 1;
			if ( $now && ( $now[0]->kind !== $item->kind || count( $now ) === self::MAX_ITEMS ||
				$bytes + $length > self::MAX_BYTES )
			) {
				$requests[] = $now;
				$now = [];
				$bytes = 2;
			}
			$now[] = $item;
			$bytes += $length;
		}
		if ( $now ) {
			$requests[] = $now;
		}
		return $requests;
	}

	/**
	 * @param Item[] $items Of one kind
	 * @param SendResult $result
	 * @return bool Whether it makes sense to go on with the next items
	 */
	private function request( array $items, SendResult $result ): bool {
		$kind = $items[0]->kind;
		$reply = $this->client->post( self::PATHS[$kind], '[' . implode( ',', array_map(
			static function ( Item $item ) {
				return $item->json;
			}, $items ) ) . ']' );

		if ( in_array( $reply->status, self::SUCCESS[$kind], true ) ) {
			foreach ( $items as $item ) {
				$result->accepted[] = $item->key;
			}
			return true;
		}
		if ( $reply->status === 207 ) {
			return $this->partial( $items, $reply, $result );
		}
		if ( in_array( $reply->status, self::BAD_CONTENT, true ) ) {
			if ( count( $items ) === 1 ) {
				$result->invalid[$items[0]->key] = $reply->describe();
				return true;
			}
			$half = intdiv( count( $items ), 2 );
			return $this->request( array_slice( $items, 0, $half ), $result ) &&
				$this->request( array_slice( $items, $half ), $result );
		}
		$result->failure = $this->client->getServer() . ': ' . $reply->describe();
		return false;
	}

	/**
	 * @param Item[] $items
	 * @param Reply $reply Status 207
	 * @param SendResult $result
	 * @return bool
	 */
	private function partial( array $items, Reply $reply, SendResult $result ): bool {
		$answer = $reply->json();
		$faults = null;
		if ( $answer !== null ) {
			$faults = $items[0]->kind === Item::JOB
				? self::faultsOfJobs( $items, $answer ) : self::faultsOfEvents( $answer );
		}
		if ( $faults === null ) {
			$result->failure = $this->client->getServer() . ': cannot be understood: ' . $reply->describe();
			return false;
		}
		foreach ( $items as $item ) {
			[ $reason, $final ] = $faults[$item->key] ?? [ null, false ];
			if ( $reason === null ) {
				$result->accepted[] = $item->key;
			} elseif ( $final ) {
				$result->invalid[$item->key] = Text::cut( $reason, 500 );
			} else {
				$result->refused[$item->key] = Text::cut( $reason, 500 );
			}
		}
		return true;
	}

	/**
	 * The answer has one place for each job: {id}, {id, duplicate_of} or {error}; an error that
	 * will not go away says "retry": false.
	 *
	 * @param Item[] $items
	 * @param array $answer
	 * @return array[]|null Key => [ reason, whether final ]
	 */
	private static function faultsOfJobs( array $items, array $answer ): ?array {
		if ( count( $answer ) !== count( $items ) ) {
			return null;
		}
		$faults = [];
		foreach ( $items as $i => $item ) {
			$place = $answer[$i] ?? null;
			if ( is_array( $place ) && isset( $place['error'] ) ) {
				$error = $place['error'];
				$faults[$item->key] = [
					is_string( $error ) ? $error : ParamCodec::json( $error ),
					( $place['retry'] ?? true ) === false,
				];
			} elseif ( !is_array( $place ) || !isset( $place['id'] ) ) {
				return null;
			}
		}
		return $faults;
	}

	/**
	 * The answer lists the events that were not taken, as EventGate does: those under "invalid"
	 * never will be.
	 *
	 * @param array $answer
	 * @return array[]|null Key => [ reason, whether final ]
	 */
	private static function faultsOfEvents( array $answer ): ?array {
		$faults = [];
		foreach ( [ 'invalid' => true, 'error' => false ] as $list => $final ) {
			foreach ( $answer[$list] ?? [] as $fault ) {
				$id = $fault['event']['meta']['id'] ?? null;
				if ( !is_string( $id ) ) {
					return null;
				}
				$context = $fault['context'] ?? '';
				$faults[$id] = [ is_string( $context ) ? $context
					: ( $context['message'] ?? $context['errorsText'] ?? ParamCodec::json( $context ) ), $final ];
			}
		}
		return $faults;
	}
}
