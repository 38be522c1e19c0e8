<?php

use MediaWiki\Extension\Auwai\ParamCodec;
use MediaWiki\Extension\Auwai\Signature;

/**
 * The run endpoint over HTTP, as the Auwai service uses it.
 *
 * @covers \MediaWiki\Extension\Auwai\Rest\RunHandler
 * @covers \MediaWiki\Extension\Auwai\Rest\BatchStream
 * @covers \MediaWiki\Extension\Auwai\JobBatch
 * @covers \MediaWiki\Extension\Auwai\Cause
 */
class RunEndpointTest extends AuwaiTestCase {
	private const EMPTY_BATCH = '{"fence":1,"jobs":[],"max_time_s":5}';

	private static function done( string $stopped = '', int $spool = 0 ): array {
		return [ 'done' => true, 'spool' => $spool, 'stopped' => $stopped ];
	}

	/** Lines of jobs without their times. */
	private static function results( array $answer ): array {
		return array_map( static function ( array $line ) {
			unset( $line['time_ms'] );
			return $line;
		}, $answer['lines'] );
	}

	public function testEachJobHasItsLineAndTheLastLineSaysThatAllIsWell() {
		$answer = $this->runJobs( [ [], [ 'do' => 'return null' ], [ 'do' => 'fail' ], [ 'do' => 'throw', 'once' => true ] ] );
		$this->assertSame( 200, $answer['status'] );
		$this->assertSame( 'application/x-ndjson', $answer['type'] );
		$fine = [ 'ok' => true, 'error' => null, 'caught' => [], 'retry' => true, 'readonly' => false ];
		$this->assertSame( [
			[ 'id' => 'job-0' ] + $fine,
			[ 'id' => 'job-1' ] + $fine,
			[ 'id' => 'job-2', 'ok' => false, 'error' => 'it would not' ] + $fine,
			[ 'id' => 'job-3', 'ok' => false, 'error' => 'RuntimeException: the job threw',
				'caught' => [ 'RuntimeException' ], 'retry' => false, 'readonly' => false ],
			self::done(),
		], self::results( $answer ) );
		$this->assertSame( 5, substr_count( $answer['body'], "\n" ) );
		$this->assertIsInt( $answer['lines'][0]['time_ms'] );
	}

	public function testAJobThatCannotBeMadeIsPermanent() {
		$answer = $this->runJobs( [
			[ 'type' => 'noSuchJob', 'params' => new stdClass ], [ 'do' => 'refuse to be made' ],
			[ 'type' => 'auwaiTest', 'params' => [ 'x' => [ 'auwai:later' => 1 ] ] ], [],
		] );
		$this->assertSame( [ false, false, false, true ], array_column( $answer['lines'], 'ok' ) );
		foreach ( [ 'noSuchJob', 'not with these parameters', 'auwai:later' ] as $i => $words ) {
			$this->assertFalse( $answer['lines'][$i]['retry'] );
			$this->assertTrue( $answer['lines'][$i]['permanent'] );
			$this->assertStringContainsString( $words, $answer['lines'][$i]['error'] );
		}
		$this->assertArrayNotHasKey( 'permanent', $answer['lines'][3] );
	}

	public function testParametersArriveAsTheyWerePushed() {
		$params = [ 'title' => "caf\xe9", 'pages' => [ 5 => [ 0, 'A' ], 3 => [ 0, 'B' ] ], 'none' => [], 'f' => 1.0,
			'big' => PHP_INT_MAX, 'null' => null, 'map' => [ "\xff" => true ], 'requestId' => 'r' ];
		$body = '{"fence":1,"max_time_s":5,"jobs":[{"id":"a","attempt":1,"payload":{"type":"auwaiTest","params":' .
			ParamCodec::encode( $params ) . '}}]}';
		$this->assertTrue( $this->runText( $body )['lines'][0]['ok'] );
		$this->assertSame( $params, $this->ran()[0]['params'] );
	}

	public function testEachJobRunsUnderTheRequestThatQueuedIt() {
		$this->runJobs( [ [], [ 'requestId' => 'its own' ], [ 'do' => 'write and push' ] ] );
		$this->assertSame( [ 'request-0', 'its own', 'request-2' ], array_column( $this->ran(), 'request' ) );
		$this->assertSame( 'request-2', $this->pushed()[0]['request_id'], 'children carry it on' );
	}

	public function testWhatAJobPushesCarriesItsCauseAndNothingElseDoes() {
		$jobs = [];
		foreach ( [ 'v1;aawiki.A;1;0123456789abcdef', '', 'v1;aawiki.C;1;0123456789abcdef' ] as $i => $cause ) {
			$jobs[] = [ 'id' => "job-$i", 'attempt' => 1,
				'payload' => [ 'type' => 'auwaiTest', 'params' => [ 'do' => 'write and push' ] ] ] +
				( $cause === '' ? [] : [ 'cause' => $cause ] );
		}
		$this->runText( json_encode( [ 'fence' => 7, 'jobs' => $jobs, 'max_time_s' => 30 ] ) );
		$this->assertSame( [ 'v1;aawiki.A;1;0123456789abcdef', null, 'v1;aawiki.C;1;0123456789abcdef' ],
			array_map( static function ( array $job ) {
				return $job['cause'] ?? null;
			}, $this->pushed() ) );
		$this->group()->push( new JobSpecification( 'null', [] ) );
		$this->assertArrayNotHasKey( 'cause', $this->pushed()[3] );
	}

	public function testAJobThatWritesAndPushesLeavesNoRow() {
		$this->assertSame( self::done(), $this->runJobs( [ [ 'do' => 'write and push' ] ] )['lines'][1] );
		$this->assertCount( 1, $this->kept() );
	}

	public function testAJobThatPushesWhileTheServiceIsAwayIsStillDone() {
		$this->script( [ 'path' => '/v1/jobs', 'status' => 503, 'body' => '', 'times' => 9 ] );
		$answer = $this->runJobs( [ [ 'do' => 'write and push' ], [ 'do' => 'write and push' ] ] );
		$this->assertSame( [ true, true ], array_column( $answer['lines'], 'ok' ) );
		$this->assertSame( self::done( '', 2 ), $answer['lines'][2] );
		$this->assertCount( 2, $this->rows() );
	}

	public function testWhatJobsPrintDoesNotGetIntoTheAnswer() {
		$answer = $this->runJobs( [ [ 'do' => 'print' ], [] ] );
		$this->assertCount( 3, $answer['lines'] );
		$this->assertStringNotContainsString( 'printed', $answer['body'] );
		$this->assertStringNotContainsString( 'buffer', $answer['body'] );
	}

	public function testALineLeavesAsSoonAsItsJobIsDone() {
		$fifo = self::dir( 'fifo' );
		posix_mkfifo( $fifo, 0600 );
		$body = json_encode( [ 'fence' => 1, 'max_time_s' => 30, 'jobs' => [
			[ 'id' => 'a', 'payload' => [ 'type' => 'auwaiTest', 'params' => new stdClass ] ],
			[ 'id' => 'b', 'payload' => [ 'type' => 'auwaiTest', 'params' => [ 'do' => 'wait for fifo' ] ] ],
		] ] );
		$wiki = parse_url( getenv( 'AUWAI_TEST_WIKI' ) );
		$socket = stream_socket_client( "tcp://{$wiki['host']}:{$wiki['port']}" );
		stream_set_timeout( $socket, 30 );
		fwrite( $socket, "POST /w/rest.php/auwai/v1/run HTTP/1.1\r\nHost: wiki\r\nContent-Type: application/json\r\n" .
			"Accept-Encoding: gzip\r\nConnection: close\r\n" .
			Signature::HEADER . ': ' . Signature::sign( self::SECRET, time(), $body ) . "\r\n" .
			'Content-Length: ' . strlen( $body ) . "\r\n\r\n$body" );
		do {
			$line = fgets( $socket );
		} while ( $line !== false && strpos( $line, '"id":"a"' ) === false );
		$this->assertNotFalse( $line, 'the first line came while the second job was running' );
		file_put_contents( $fifo, 'go' );
		$this->assertStringContainsString( '"done":true', stream_get_contents( $socket ) );
		unlink( $fifo );
	}

	public static function provideDeaths(): array {
		return [ 'exit()' => [ 'print and exit' ], 'out of memory' => [ 'exhaust memory' ] ];
	}

	/**
	 * @dataProvider provideDeaths
	 */
	public function testWhatWasDoneBeforePhpDiedIsTold( string $how ) {
		$answer = $this->runJobs( [ [], [ 'do' => 'fail' ], [ 'do' => $how ], [] ] );
		$this->assertSame( [ 'job-0', 'job-1' ], array_column( $answer['lines'], 'id' ) );
		$this->assertSame( [], array_column( $answer['lines'], 'done' ), 'the last line is missing' );
		$this->assertCount( 3, $this->ran() );
	}

	public function testABatchEndsWhenItsTimeIsOver() {
		$answer = $this->runJobs( [ [], [], [] ], 0 );
		$this->assertSame( [ 'job-0' ], array_column( $answer['lines'], 'id' ), 'the first job always runs' );
		$this->assertSame( self::done( 'time' ), end( $answer['lines'] ) );
		$this->assertCount( 1, $this->ran() );
	}

	public function testABatchEndsWhenTheDatabaseBecomesReadOnly() {
		$answer = $this->runJobs( [ [], [ 'do' => 'hit read only' ], [] ] );
		$this->assertSame( [ false, true ], array_column( $answer['lines'], 'readonly' ) );
		$this->assertSame( self::done( 'readonly' ), end( $answer['lines'] ) );
		$this->assertCount( 3, $answer['lines'] );
	}

	public function testAReadOnlyWikiRunsNothing() {
		touch( self::dir( 'readonly' ) );
		$answer = $this->runJobs( [ [] ] );
		$this->assertSame( 423, $answer['status'] );
		$this->assertStringContainsString( 'being moved', json_decode( $answer['body'], true )['message'] );
		$this->assertSame( [], $this->ran() );
	}

	public function testAPrivateWikiRunsJobsAllTheSame() {
		touch( self::dir( 'private' ) );
		$this->assertSame( self::done(), $this->runJobs( [ [] ] )['lines'][1] );
	}

	public function testARequestWithoutJobsDrainsTheSpool() {
		$this->service( 'Auwai.TableSpool' )->insert( $this->items( 3 ) );
		$this->service( 'Auwai.FileSpool' )->append( $this->items( 2 ) );
		$answer = $this->runText( self::EMPTY_BATCH );
		$this->assertSame( [ self::done() ], $answer['lines'] );
		$this->assertCount( 5, $this->kept() );
		$this->assertSame( [], $this->rows() );
	}

	public function testARequestWithJobsDrainsTheSpoolToo() {
		$this->service( 'Auwai.TableSpool' )->insert( $this->items( 3 ) );
		$this->assertSame( self::done(), $this->runJobs( [ [] ] )['lines'][1] );
		$this->assertCount( 3, $this->kept() );
	}

	public function testWhatCannotBeDrainedIsCounted() {
		$this->script( [ 'path' => '/v1/jobs', 'status' => 503, 'body' => '' ] );
		$this->service( 'Auwai.TableSpool' )->insert( $this->items( 3 ) );
		$this->assertSame( [ self::done( '', 3 ) ], $this->runText( self::EMPTY_BATCH )['lines'] );
	}

	public function testWrongSignaturesAreRefusedWithADiagnosis() {
		$time = time();
		$cases = [
			'is missing' => '',
			'not of the form' => 'v1=abc',
			'does not fit' => Signature::sign( 'another secret', $time, self::EMPTY_BATCH ),
			'seconds old' => Signature::sign( self::SECRET, $time - 301, self::EMPTY_BATCH ),
			'-3' => Signature::sign( self::SECRET, $time + 310, self::EMPTY_BATCH ),
		];
		foreach ( $cases as $words => $signature ) {
			$answer = $this->runText( self::EMPTY_BATCH, $signature );
			$this->assertSame( 403, $answer['status'], $words );
			$this->assertStringContainsString( (string)$words, json_decode( $answer['body'], true )['message'] );
		}
		$answer = $this->runText( self::EMPTY_BATCH . ' ', Signature::sign( self::SECRET, $time, self::EMPTY_BATCH ) );
		$this->assertSame( 403, $answer['status'] );
	}

	public function testAWikiWithoutASecretSaysSo() {
		touch( self::dir( 'nosecret' ) );
		$this->assertSame( 501, $this->runText( self::EMPTY_BATCH )['status'] );
	}

	public static function provideNonsense(): array {
		return [
			[ '', 'not a JSON object' ], [ '{', 'not a JSON object' ], [ '[]', 'fence' ],
			[ '{"fence":-1,"jobs":[],"max_time_s":1}', 'fence' ], [ '{"fence":1,"jobs":{},"max_time_s":null}', 'max_time_s' ],
			[ '{"fence":1,"jobs":{"a":1},"max_time_s":1}', 'jobs is not a list' ],
			[ '{"fence":1,"jobs":[1],"max_time_s":1}', 'jobs[0].id' ],
			[ '{"fence":1,"jobs":[{"id":"a","payload":{}}],"max_time_s":1}', 'jobs[0].payload.type' ],
			[ '{"fence":1,"jobs":[{"id":"a","payload":{"type":"t"}}],"max_time_s":1}', 'jobs[0].payload.params' ],
			[ '{"fence":1,"jobs":[{"id":"a","payload":{"type":"t","params":{}},"request_id":1}],"max_time_s":1}', 'request_id' ],
		];
	}

	/**
	 * @dataProvider provideNonsense
	 */
	public function testARequestThatMakesNoSenseIsRefused( string $body, string $words ) {
		$answer = $this->runText( $body );
		$this->assertSame( 400, $answer['status'], $answer['body'] );
		$this->assertStringContainsString( $words, json_decode( $answer['body'], true )['message'] );
	}

	public function testARealEditIsFollowedToItsEnd() {
		$answer = $this->post( '/w/api.php', http_build_query( [ 'action' => 'edit', 'title' => 'A page',
			'text' => 'of [[links]] ' . bin2hex( random_bytes( 4 ) ), 'token' => '+\\', 'format' => 'json' ] ), [] );
		$this->assertSame( 'Success', $answer['lines'][0]['edit']['result'] ?? null, $answer['body'] );
		$this->waitForPushes();
		$jobs = $this->pushed();
		$batch = [];
		foreach ( $jobs as $job ) {
			$this->assertSame( 'aawiki', $job['wiki'] );
			$batch[] = $job['payload'];
		}
		$answer = $this->runJobs( $batch );
		$this->assertSame( self::done(), array_pop( $answer['lines'] ) );
		$this->assertCount( count( $batch ), $answer['lines'] );
		foreach ( $answer['lines'] as $line ) {
			$this->assertTrue( $line['ok'], (string)$line['error'] );
		}
		$this->assertNotSame( [], $this->requests( '/v1/events' ), 'its URLs are purged' );
		$this->assertSame( [], $this->rows() );
	}

	public function testAnEditWhileTheServiceIsAwayKeepsItsJobs() {
		$this->script( [ 'path' => '/v1/jobs', 'status' => 503, 'body' => '', 'times' => 999 ],
			[ 'path' => '/v1/events', 'status' => 503, 'body' => '', 'times' => 999 ] );
		$answer = $this->post( '/w/api.php', http_build_query( [ 'action' => 'edit', 'title' => 'Another page',
			'text' => 'of [[links]] ' . bin2hex( random_bytes( 4 ) ), 'token' => '+\\', 'format' => 'json' ] ), [] );
		$this->assertSame( 'Success', $answer['lines'][0]['edit']['result'] ?? null, $answer['body'] );
		$spooled = $this->waitForRows();
		$this->assertContains( 'event', array_column( $spooled, 'kind' ) );
		$this->assertCount( 1, $this->requests(), 'one failure is enough for a request' );
		unlink( self::dir( 'fake/script.json' ) );
		$this->service( 'Auwai.TableSpool' )->retryAll();
		$this->assertSame( [ self::done() ], $this->runText( self::EMPTY_BATCH )['lines'] );
		$sent = count( $this->kept() ) + count( array_merge( ...array_column( $this->requests( '/v1/events' ), 'json' ) ) );
		$this->assertGreaterThanOrEqual( count( $spooled ), $sent );
	}

	public function testEditsAtOnceWithAFlakyServiceLoseNothingAndDoubleNothing() {
		$flaky = [];
		foreach ( [ 503, 201, 500, 201, 201, 503, 500, 201, 503 ] as $i => $status ) {
			// Every second failure comes after the service has kept the jobs.
			$flaky[] = [ 'path' => '/v1/jobs', 'status' => $status, 'body' => '[]', 'keep' => $status === 201 || $i % 2 === 0 ];
		}
		$this->script( ...$flaky );
		$multi = curl_multi_init();
		$edits = [];
		foreach ( range( 1, 16 ) as $n ) {
			$edits[$n] = curl_init( getenv( 'AUWAI_TEST_WIKI' ) . '/w/api.php' );
			curl_setopt_array( $edits[$n], [ CURLOPT_POST => true, CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 60,
				CURLOPT_POSTFIELDS => http_build_query( [ 'action' => 'edit', 'title' => "Flaky $n " . bin2hex( random_bytes( 4 ) ),
					'text' => 'text', 'token' => '+\\', 'format' => 'json' ] ) ] );
			curl_multi_add_handle( $multi, $edits[$n] );
		}
		do {
			curl_multi_exec( $multi, $running );
			curl_multi_select( $multi );
		} while ( $running );
		foreach ( $edits as $edit ) {
			$this->assertStringContainsString( '"Success"', curl_multi_getcontent( $edit ) );
		}
		$made = function (): array {
			$ids = [];
			foreach ( array_merge( $this->pushed(), array_map( static function ( $row ) {
				return json_decode( $row['item'], true );
			}, $this->rows() ) ) as $job ) {
				if ( ( $job['queue'] ?? '' ) === 'htmlCacheUpdate' ) {
					$ids[$job['payload']['params']['title']][$job['client_id']] = true;
				}
			}
			return array_map( 'count', $ids );
		};
		$this->until( static function () use ( $made ) {
			return array_sum( $made() ) >= 32;
		} );
		$this->script();
		$this->service( 'Auwai.TableSpool' )->retryAll();
		$this->assertSame( self::done(), $this->runText( self::EMPTY_BATCH )['lines'][0] );
		$this->assertSame( [ 2 ], array_values( array_unique( $made() ) ), 'two jobs for each page, each made once' );
		$this->assertCount( 16, $made() );
		foreach ( $this->pushed() as $job ) {
			$this->assertArrayHasKey( "aawiki/{$job['client_id']}", $this->kept() );
		}
	}

	/** MediaWiki pushes most jobs after its answer; a new page makes these two. */
	private function waitForPushes(): void {
		$this->until( function () {
			return count( array_keys( array_column( $this->pushed(), 'queue' ), 'htmlCacheUpdate', true ) ) >= 2;
		} );
	}

	private function waitForRows(): array {
		$this->until( function () {
			return count( preg_grep( '/"queue":"htmlCacheUpdate"/', array_column( $this->rows(), 'item' ) ) ) >= 2;
		} );
		return $this->rows();
	}

	/** Ask the wiki, which answers when a worker is free, until it is so. */
	private function until( callable $isSo ): void {
		for ( $i = 0; $i < 200 && !$isSo(); $i++ ) {
			$this->runText( self::EMPTY_BATCH, 'nothing' );
		}
		$this->assertTrue( $isSo() );
	}
}
