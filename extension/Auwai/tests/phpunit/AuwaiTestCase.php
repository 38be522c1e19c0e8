<?php

use MediaWiki\Extension\Auwai\Client;
use MediaWiki\Extension\Auwai\Drainer;
use MediaWiki\Extension\Auwai\Item;
use MediaWiki\Extension\Auwai\Outbox;
use MediaWiki\Extension\Auwai\Sender;
use MediaWiki\Extension\Auwai\Signature;
use MediaWiki\Extension\Auwai\Spool\FileSpool;
use MediaWiki\Extension\Auwai\Spool\TableSpool;
use MediaWiki\MediaWikiServices;
use PHPUnit\Framework\TestCase;
use Psr\Log\NullLogger;

/**
 * A test on the real wiki of tests/run.sh, with the stand-in for the Auwai service.
 */
abstract class AuwaiTestCase extends TestCase {
	protected const SECRET = 'tests share this secret';

	protected function setUp(): void {
		parent::setUp();
		foreach ( [ 'fake/requests.jsonl', 'fake/ids.json', 'fake/script.json', 'fake/queues.json',
			'readonly', 'readonly-file', 'private', 'nosecret', 'ran.jsonl' ] as $file
		) {
			if ( file_exists( self::dir( $file ) ) ) {
				unlink( self::dir( $file ) );
			}
		}
		array_map( 'unlink', glob( self::dir( 'spool/*' ) ) );
		$this->db()->delete( 'auwai_spool', [ 'sp_id > 0' ], __METHOD__ );
		$this->service( 'Auwai.Outbox' )->reset();
		$this->service( 'Auwai.QueueCounts' )->forget();
	}

	protected function tearDown(): void {
		MediaWikiServices::getInstance()->getDBLoadBalancerFactory()->rollbackPrimaryChanges( __METHOD__ );
		parent::tearDown();
	}

	protected static function dir( string $file ): string {
		return getenv( 'AUWAI_TEST_DIR' ) . "/$file";
	}

	protected function service( string $name ) {
		return MediaWikiServices::getInstance()->getService( $name );
	}

	protected function db() {
		return MediaWikiServices::getInstance()->getDBLoadBalancer()->getConnection( DB_PRIMARY );
	}

	protected function lbFactory() {
		return MediaWikiServices::getInstance()->getDBLoadBalancerFactory();
	}

	protected function group( $domain = false ) {
		return MediaWikiServices::getInstance()->getJobQueueGroupFactory()->makeJobQueueGroup( $domain );
	}

	/** A write that a push can go along with. */
	protected function writeSomething(): void {
		$this->db()->insert( 'updatelog', [ 'ul_key' => 'auwai-test-' . bin2hex( random_bytes( 8 ) ) ], __METHOD__ );
	}

	/** The next requests of a path get these answers. */
	protected function script( array ...$steps ): void {
		file_put_contents( self::dir( 'fake/script.json' ), json_encode( $steps ) );
	}

	protected function queues( array $queues, string $cursor = '' ): void {
		file_put_contents( self::dir( 'fake/queues.json' ), json_encode( [ 'queues' => $queues, 'cursor' => $cursor ] ) );
	}

	/** @return array[] Requests that reached the stand-in, with "json" */
	protected function requests( string $path = '' ): array {
		$file = self::dir( 'fake/requests.jsonl' );
		$requests = [];
		foreach ( file_exists( $file ) ? file( $file ) : [] as $line ) {
			$request = json_decode( $line, true );
			if ( $path === '' || strtok( $request['uri'], '?' ) === $path ) {
				$requests[] = $request + [ 'json' => json_decode( $request['body'], true ) ];
			}
		}
		return $requests;
	}

	/** @return array[] Jobs of all requests in order */
	protected function pushed(): array {
		return array_merge( [], ...array_filter( array_column( $this->requests( '/v1/jobs' ), 'json' ) ) );
	}

	/** @return string[] Ids that the stand-in has given, by wiki and client id */
	protected function kept(): array {
		$file = self::dir( 'fake/ids.json' );
		return file_exists( $file ) ? json_decode( file_get_contents( $file ), true ) : [];
	}

	/** @return array[] */
	protected function rows(): array {
		return $this->service( 'Auwai.TableSpool' )->show( 10000 );
	}

	/** @return Item[] */
	protected function items( int $count, string $type = 'null' ): array {
		$items = [];
		for ( $i = 0; $i < $count; $i++ ) {
			$items[] = $this->service( 'Auwai.ItemFactory' )->job( new JobSpecification( $type, [ 'n' => $i ] ), 'aawiki' );
		}
		return $items;
	}

	/** A client of its own, with another token than the wiki's. */
	protected function client( string $server, string $token ): Client {
		return new Client( MediaWikiServices::getInstance()->getHttpRequestFactory(), $server, 1, 10, $token );
	}

	/** An outbox of its own, as another process would have. */
	protected function outbox( string $server = '', ?TableSpool $table = null, ?FileSpool $file = null ): Outbox {
		[ $sender, $table, $file, $drainer ] = $this->parts( $server, $table, $file );
		return new Outbox( $sender, $table, $file, $drainer, $this->lbFactory(), new NullLogger() );
	}

	protected function drainer( string $server = '', ?TableSpool $table = null, ?FileSpool $file = null ): Drainer {
		return $this->parts( $server, $table, $file )[3];
	}

	private function parts( string $server, ?TableSpool $table, ?FileSpool $file ): array {
		$sender = new Sender( new Client( MediaWikiServices::getInstance()->getHttpRequestFactory(),
			$server ?: getenv( 'AUWAI_TEST_SERVER' ), 1, 10 ) );
		$table = $table ?: $this->service( 'Auwai.TableSpool' );
		$file = $file ?: $this->service( 'Auwai.FileSpool' );
		return [ $sender, $table, $file, new Drainer( $sender, $table, $file, new NullLogger() ) ];
	}

	/** A table spool as on a wiki where update.php has not run. */
	protected function absentTable(): TableSpool {
		return new class( $this->lbFactory(), 'aawiki' ) extends TableSpool {
			public function exists(): bool {
				return false;
			}
		};
	}

	/**
	 * @return array status, type, body, lines: the body's lines that are JSON objects
	 */
	protected function post( string $path, string $body, array $headers ): array {
		$curl = curl_init( getenv( 'AUWAI_TEST_WIKI' ) . $path );
		curl_setopt_array( $curl, [
			CURLOPT_POST => true, CURLOPT_POSTFIELDS => $body, CURLOPT_HTTPHEADER => $headers,
			CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 60, CURLOPT_ENCODING => 'gzip',
		] );
		$text = (string)curl_exec( $curl );
		$lines = [];
		foreach ( explode( "\n", $text ) as $line ) {
			$json = json_decode( $line, true );
			if ( is_array( $json ) ) {
				$lines[] = $json;
			}
		}
		return [
			'status' => curl_getinfo( $curl, CURLINFO_RESPONSE_CODE ),
			'type' => (string)curl_getinfo( $curl, CURLINFO_CONTENT_TYPE ),
			'body' => $text,
			'lines' => $lines,
		];
	}

	protected function runText( string $body, ?string $signature = null ): array {
		$signature = $signature ?? Signature::sign( self::SECRET, time(), $body );
		return $this->post( '/w/rest.php/auwai/v1/run', $body,
			[ 'Content-Type: application/json', Signature::HEADER . ": $signature" ] );
	}

	/**
	 * @param array[] $params Parameters of test jobs, or whole payloads with "type"
	 * @param float $maxTime
	 * @return array
	 */
	protected function runJobs( array $params, float $maxTime = 30 ): array {
		$jobs = [];
		foreach ( $params as $i => $p ) {
			$jobs[] = [ 'id' => "job-$i", 'attempt' => 1, 'request_id' => "request-$i",
				'payload' => isset( $p['type'] ) ? $p : [ 'type' => 'auwaiTest', 'params' => $p ?: new stdClass ] ];
		}
		return $this->runText( json_encode( [ 'fence' => 7, 'jobs' => $jobs, 'max_time_s' => $maxTime ] ) );
	}

	/** One of core's maintenance scripts, as an operator runs it; what it writes. */
	protected static function core( string $script, string ...$args ): string {
		[ $status, $text ] = self::coreEnds( $script, ...$args );
		self::assertSame( 0, $status, $text );
		return $text;
	}

	/** @return array Exit status, text */
	protected static function coreEnds( string $script, string ...$args ): array {
		$command = [ PHP_BINARY, getenv( 'MW_INSTALL_PATH' ) . "/maintenance/$script.php" ];
		exec( 'MW_CONFIG_FILE=' . escapeshellarg( getenv( 'AUWAI_WIKI_CONFIG' ) ) . ' ' .
			implode( ' ', array_map( 'escapeshellarg', array_merge( $command, $args ) ) ) . ' 2>&1', $lines, $status );
		return [ $status, implode( "\n", $lines ) ];
	}

	/** @return array[] What test jobs noted: params, request */
	protected function ran(): array {
		$ran = [];
		foreach ( file_exists( self::dir( 'ran.jsonl' ) ) ? file( self::dir( 'ran.jsonl' ) ) : [] as $line ) {
			$note = json_decode( $line, true );
			$ran[] = [ 'params' => unserialize( base64_decode( $note['params'] ) ), 'request' => $note['request'] ];
		}
		return $ran;
	}
}
