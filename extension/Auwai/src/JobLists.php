<?php

namespace MediaWiki\Extension\Auwai;

use Psr\Log\LoggerInterface;
use Throwable;

/**
 * The jobs that the Auwai service has of a queue, made jobs again, page by page; and their end.
 *
 * @license GPL-2.0-or-later
 */
class JobLists {
	/** Jobs of one request; the service makes pages shorter where payloads are large. */
	private const PAGE = 500;

	/** @var Client */
	private $client;

	/** @var LoggerInterface */
	private $logger;

	/**
	 * @param Client $client
	 * @param LoggerInterface $logger
	 */
	public function __construct( Client $client, LoggerInterface $logger ) {
		$this->client = $client;
		$this->logger = $logger;
	}

	/**
	 * A job that ends while it is listed, or that cannot be made, is left out.
	 *
	 * A dead job's time is that of its death: core's manageJobs.php pushes again what is younger than
	 * its last run, and a job may wait and be retried for long before it is dead.
	 *
	 * @param string $queue
	 * @param string $wiki
	 * @param string[] $states
	 * @return \Iterator<object> RunnableJobs
	 * @throws \JobQueueConnectionError While iterating, if the service does not answer as expected
	 */
	public function jobs( string $queue, string $wiki, array $states ): \Iterator {
		foreach ( $states as $state ) {
			foreach ( $this->rows( [ 'state' => $state, 'queue' => $queue, 'wiki' => $wiki ] ) as $row ) {
				if ( !isset( $row['raw'] ) ) {
					continue;
				}
				try {
					$job = Payload::toJob( json_decode( (string)( $row['raw']['text'] ?? '' ), true ),
						(string)( $row['request_id'] ?? '' ) );
				} catch ( Throwable $e ) {
					$this->logger->warning( 'Job {id} of type {type} is not listed, since it cannot be made: {error}',
						[ 'id' => $row['id'], 'type' => $queue, 'error' => $e->getMessage() ] );
					continue;
				}
				$time = $state === 'dead' ? $row['finished_at'] ?? $row['created_at'] : $row['created_at'];
				Payload::mark( $job, (string)$row['id'], (string)$time );
				yield $job;
			}
		}
	}

	/**
	 * Ends all jobs that wait. Those that run go on; dead ones stay, as a record.
	 *
	 * @param string $queue
	 * @param string $wiki
	 * @throws \JobQueueError
	 */
	public function purge( string $queue, string $wiki ): void {
		$reply = $this->client->post( '/v1/queues/' . rawurlencode( $queue ) . '/purge',
			ParamCodec::json( [ 'wiki' => $wiki ] ) );
		if ( $reply->status !== 200 ) {
			throw new \JobQueueError( "The jobs of type '$queue' could not be deleted at the Auwai service: " .
				$reply->describe() );
		}
	}

	/**
	 * @param string[] $filter
	 * @return \Iterator<array>
	 */
	private function rows( array $filter ): \Iterator {
		$cursor = '';
		do {
			$reply = $this->client->get( '/v1/jobs?' . http_build_query( $filter + [ 'raw' => '1', 'limit' => self::PAGE ] +
				( $cursor === '' ? [] : [ 'cursor' => $cursor ] ) ) );
			$page = $reply->json();
			if ( $reply->status !== 200 || !is_array( $page['jobs'] ?? null ) ) {
				throw new \JobQueueConnectionError( 'The Auwai service does not list its jobs: ' . $reply->describe() );
			}
			foreach ( $page['jobs'] as $row ) {
				yield $row;
			}
			$before = $cursor;
			$cursor = (string)( $page['cursor'] ?? '' );
		} while ( $cursor !== '' && $cursor !== $before );
	}
}
