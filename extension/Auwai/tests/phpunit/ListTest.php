<?php

/**
 * Core's scripts and its API show and change what the service has.
 *
 * @covers \MediaWiki\Extension\Auwai\JobLists
 * @covers \MediaWiki\Extension\Auwai\JobQueueAuwai
 * @covers \MediaWiki\Extension\Auwai\QueueCounts
 */
class ListTest extends AuwaiTestCase {

	private static function row( int $n, array $more = [] ): array {
		return $more + [
			'id' => "aawiki.J$n", 'queue' => 'auwaiTest', 'wiki' => 'aawiki', 'state' => 'ready', 'attempts' => 0,
			'created_at' => '2026-01-02T03:04:05.123Z', 'request_id' => "request-$n",
			'raw' => [ 'text' => '{"type":"auwaiTest","params":{"n":' . $n . '}}' ],
		];
	}

	private function listed( array $rows, string $cursor = '' ): array {
		return [ 'path' => '/v1/jobs', 'status' => 200, 'body' => [ 'jobs' => $rows, 'cursor' => $cursor ] ];
	}

	private static function get( string $query ): array {
		return json_decode( file_get_contents( getenv( 'AUWAI_TEST_WIKI' ) . "/w/api.php?format=json&$query" ), true );
	}

	private function sizes( int $ready ): void {
		$this->queues( [ [ 'queue' => 'auwaiTest', 'wiki' => 'aawiki', 'ready' => $ready, 'delayed' => 2, 'blocked' => 1,
			'running' => 3, 'dead' => 4 ] ] );
	}

	public function testListsComeInPagesWithTheirPayloads() {
		$this->script( $this->listed( [ self::row( 1 ), self::row( 2 ) ], 'c&1' ), $this->listed( [ self::row( 3 ) ] ) );
		$jobs = iterator_to_array( $this->group()->get( 'auwaiTest' )->getAllQueuedJobs(), false );
		$this->assertSame( [ 1, 2, 3 ], array_map( static function ( $job ) {
			return $job->getParams()['n'];
		}, $jobs ) );
		$this->assertSame( 'request-2', $jobs[1]->getRequestId() );
		$this->assertSame( 'aawiki.J3', $jobs[2]->getMetadata( 'id' ) );
		$this->assertSame( '1767323045', (string)$jobs[0]->getQueuedTimestamp() );
		$this->assertSame( [
			'/v1/jobs?state=ready&queue=auwaiTest&wiki=aawiki&raw=1&limit=500',
			'/v1/jobs?state=ready&queue=auwaiTest&wiki=aawiki&raw=1&limit=500&cursor=c%261',
		], array_column( $this->requests(), 'uri' ) );
	}

	public static function provideLists(): array {
		return [
			[ 'getAllDelayedJobs', [ 'delayed', 'blocked' ] ], [ 'getAllAcquiredJobs', [ 'running' ] ],
			[ 'getAllAbandonedJobs', [ 'dead' ] ],
		];
	}

	/**
	 * @dataProvider provideLists
	 */
	public function testEachListOfCoreIsOfStatesOfTheService( string $list, array $states ) {
		$this->assertSame( [], iterator_to_array( $this->group()->get( 'auwaiTest' )->$list() ) );
		$this->assertSame( $states, array_map( static function ( $request ) {
			parse_str( parse_url( $request['uri'], PHP_URL_QUERY ), $query );
			return $query['state'];
		}, $this->requests() ) );
	}

	public function testWhatEndedMeanwhileOrCannotBeMadeIsLeftOut() {
		$gone = self::row( 1 );
		unset( $gone['raw'] );
		$this->script( $this->listed( [
			$gone, self::row( 2, [ 'raw' => [ 'text' => 'no JSON' ] ] ),
			self::row( 3, [ 'raw' => [ 'text' => '{"type":"unheardOf","params":{}}' ] ] ), self::row( 4 ),
		] ) );
		$jobs = iterator_to_array( $this->group()->get( 'auwaiTest' )->getAllQueuedJobs(), false );
		$this->assertSame( [ 'aawiki.J4' ], array_map( static function ( $job ) {
			return $job->getMetadata( 'id' );
		}, $jobs ) );
	}

	public function testAListThatDoesNotComeIsAnErrorAndNotEmpty() {
		$this->script( [ 'path' => '/v1/jobs', 'status' => 503, 'body' => '' ] );
		$this->expectException( JobQueueConnectionError::class );
		iterator_to_array( $this->group()->get( 'auwaiTest' )->getAllQueuedJobs() );
	}

	public function testShowJobsListsAndGroups() {
		$this->script( $this->listed( [ self::row( 7 ) ] ) );
		$this->assertMatchesRegularExpression(
			'/^auwaiTest .*n=7.* \(id=aawiki\.J7,timestamp=20260102030405\) status=unclaimed$/m',
			self::core( 'showJobs', '--list', '--type', 'auwaiTest' ) );
		$this->sizes( 5 );
		$this->assertSame( 'auwaiTest: 5 queued; 7 claimed (3 active, 4 abandoned); 3 delayed',
			self::core( 'showJobs', '--group' ) );
		$this->assertCount( 1, $this->requests( '/v1/queues' ), 'one request for all types' );
		$this->assertSame( '5', self::core( 'showJobs' ) );
	}

	public function testManageJobsDeletes() {
		$this->sizes( 5 );
		$this->assertStringContainsString( 'Queue has 5 job(s); deleting...',
			self::core( 'manageJobs', '--type', 'auwaiTest', '--action', 'delete' ) );
		$this->assertSame( [ 'wiki' => 'aawiki' ], $this->requests( '/v1/queues/auwaiTest/purge' )[0]['json'] );
		$this->assertCount( 2, $this->requests( '/v1/queues' ), 'the size is asked for again' );
	}

	public function testAJobThatDiedAfterTheLastRepushIsPushedAgainHoweverOldItIs() {
		$died = [ 'state' => 'dead', 'finished_at' => gmdate( 'Y-m-d\TH:i:s\Z', time() - 3600 ) ];
		$this->script( $this->listed( [ self::row( 1, $died ) ] ) );
		$repush = [ 'manageJobs', '--type', 'auwaiTest', '--action', 'repush-abandoned' ];
		$this->assertStringContainsString( 'Re-pushed 1 job(s) [0 skipped]', self::core( ...$repush ) );
		$this->assertSame( 1, $this->pushed()[0]['payload']['params']['n'] );
		$this->assertSame( 'request-1', $this->pushed()[0]['request_id'] );
		$this->script( $this->listed( [
			self::row( 1, $died ),
			self::row( 2, [ 'state' => 'dead', 'finished_at' => gmdate( 'Y-m-d\TH:i:s\Z', time() + 60 ) ] ),
		] ) );
		$this->assertStringContainsString( 'Re-pushed 1 job(s) [1 skipped]', self::core( ...$repush ) );
	}

	public function testCopyJobQueueCopiesBothWays() {
		$table = JobQueue::factory( [ 'class' => 'JobQueueDB', 'type' => 'auwaiTest', 'domain' => 'aawiki', 'idGenerator' => null ] );
		$this->script( $this->listed( [ self::row( 1 ), self::row( 2 ) ] ) );
		try {
			$this->assertStringContainsString( 'Copied 2/2 queued auwaiTest jobs.',
				self::core( 'copyJobQueue', '--src', 'auwai', '--dst', 'table', '--type', 'auwaiTest' ) );
			$table->flushCaches();
			$this->assertSame( 2, $table->getSize() );
			$this->assertStringContainsString( 'Copied 2/2 queued auwaiTest jobs.',
				self::core( 'copyJobQueue', '--src', 'table', '--dst', 'auwai', '--type', 'auwaiTest' ) );
		} finally {
			$table->delete();
		}
		// Core's table lists them in no particular order.
		$this->assertEqualsCanonicalizing( [ 1, 2 ], array_map( static function ( $job ) {
			return $job['payload']['params']['n'];
		}, $this->pushed() ) );
	}

	public function testSiteinfoTellsTheServicesNumber() {
		$this->sizes( 123 );
		$cache = MediaWiki\MediaWikiServices::getInstance()->getMainWANObjectCache();
		$cache->delete( $cache->makeKey( 'SiteStats', 'jobscount' ), $cache::HOLDOFF_TTL_NONE );
		$this->assertSame( 123, self::get( 'action=query&meta=siteinfo&siprop=statistics' )['query']['statistics']['jobs'] );
	}

	public function testManyWaitingJobsAreLag() {
		$this->sizes( 499 );
		$this->assertArrayHasKey( 'query', self::get( 'action=query&meta=siteinfo&maxlag=5' ) );
		$this->sizes( 601 );
		$error = self::get( 'action=query&meta=siteinfo&maxlag=5' )['error'];
		$this->assertSame( [ 'maxlag', 'jobqueue' ], [ $error['code'], $error['type'] ] );
	}
}
