<?php

use MediaWiki\Extension\Auwai\Cause;
use MediaWiki\Extension\Auwai\Claims;
use MediaWiki\MediaWikiServices;
use Psr\Log\NullLogger;

/**
 * Core pops, runs and acknowledges jobs of the service.
 *
 * @covers \MediaWiki\Extension\Auwai\Claims
 * @covers \MediaWiki\Extension\Auwai\Payload
 * @covers \MediaWiki\Extension\Auwai\JobQueueAuwai
 */
class ClaimTest extends AuwaiTestCase {
	private const CLAIM = '/v1/queues/auwaiTest/claim';

	/** The next claims get these jobs, one each. */
	private function offer( array ...$payloads ): void {
		$steps = [];
		foreach ( $payloads as $i => $payload ) {
			$n = $i + 1;
			$steps[] = [ 'path' => self::CLAIM, 'status' => 200, 'body' => [ 'jobs' => [ [
				'id' => "aawiki.J$n", 'queue' => 'auwaiTest', 'wiki' => 'aawiki', 'attempt' => 1, 'claim' => "secret-$n",
				'cause' => "v1;aawiki.J$n;1;0123456789abcdef",
				'deadline' => '2030-01-01T00:00:00Z', 'fence' => 7, 'request_id' => "request-$n", 'from_event' => false,
				'payload' => isset( $payload['type'] ) ? $payload : [ 'type' => 'auwaiTest', 'params' => $payload ?: new stdClass ],
			] ] ] ];
		}
		$this->script( ...$steps );
	}

	private function runJobsOf( string $type = 'auwaiTest', int $maxJobs = 100 ): array {
		return MediaWikiServices::getInstance()->getJobRunner()->run(
			[ 'type' => $type, 'maxJobs' => $maxJobs, 'throttle' => false ] );
	}

	/** @return array[] What was told of claimed jobs: path => body */
	private function told(): array {
		$told = [];
		foreach ( $this->requests() as $request ) {
			if ( preg_match( '!^/v1/jobs/.+/\w+$!', $request['uri'] ) ) {
				$told[] = [ $request['uri'], $request['json'] ];
			}
		}
		return $told;
	}

	public function testCoresRunnerRunsTheServicesJobsAndSaysSo() {
		$this->offer( [ 'n' => 1 ], [ 'n' => 2 ] );
		$result = $this->runJobsOf();
		$this->assertSame( [ 'ok', 'ok' ], array_column( $result['jobs'], 'status' ) );
		$this->assertSame( 'none-ready', $result['reached'] );
		$this->assertSame( [ 'request-1', 'request-2' ], array_column( $this->ran(), 'request' ) );
		$this->assertSame( [
			[ '/v1/jobs/aawiki.J1/finish', [ 'claim' => 'secret-1' ] ],
			[ '/v1/jobs/aawiki.J2/finish', [ 'claim' => 'secret-2' ] ],
		], $this->told() );
		$claim = $this->requests( self::CLAIM )[0];
		$this->assertSame( [ 'wiki' => 'aawiki', 'limit' => 1, 'timeout' => '3600s' ],
			array_diff_key( $claim['json'], [ 'worker' => 1 ] ) );
		$this->assertSame( 'auwt_of-this-wiki', $claim['headers']['x-auwai-token'] );
	}

	public function testTheRunnerFindsTheTypesThatAreReadyByOneRequest() {
		$this->queues( [ [ 'queue' => 'auwaiTest', 'wiki' => 'aawiki', 'ready' => 1, 'delayed' => 0, 'blocked' => 0,
			'running' => 0, 'dead' => 0 ] ] );
		$this->offer( [ 'n' => 1 ] );
		$job = $this->group()->pop( JobQueueGroup::TYPE_DEFAULT );
		$this->assertSame( 'auwaiTest', $job->getType() );
		$this->assertCount( 1, $this->requests( '/v1/queues' ) );
		$this->assertCount( 2, $this->requests() );
		$this->group()->ack( $job );
	}

	public static function provideFailures(): array {
		return [
			'false with words' => [ 'fail', 'error', 'it would not' ],
			'an exception' => [ 'throw', 'exception:RuntimeException', 'RuntimeException: the job threw' ],
		];
	}

	/**
	 * @dataProvider provideFailures
	 */
	public function testAFailedJobIsToldAtOnceSoThatTheServiceTriesItAgain( string $do, string $class, string $error ) {
		$this->offer( [ 'do' => $do ], [ 'n' => 2 ] );
		$this->assertSame( [ 'failed', 'ok' ], array_column( $this->runJobsOf()['jobs'], 'status' ) );
		$this->assertSame( [
			[ '/v1/jobs/aawiki.J1/fail', [ 'claim' => 'secret-1', 'class' => $class, 'error' => $error ] ],
			[ '/v1/jobs/aawiki.J2/finish', [ 'claim' => 'secret-2' ] ],
		], $this->told() );
	}

	public function testAFailedJobThatAllowsNoOtherTryIsDoneInWords() {
		$this->offer( [ 'do' => 'fail', 'once' => true ] );
		$this->runJobsOf();
		$this->assertSame( [ [ '/v1/jobs/aawiki.J1/finish', [ 'claim' => 'secret-1',
			'message' => "not retried, since the job's class forbids it: it would not" ] ] ], $this->told() );
	}

	public function testAJobThatReturnsNullIsDoneAsInCore() {
		$this->offer( [ 'do' => 'return null' ] );
		$this->runJobsOf();
		$this->assertSame( '/v1/jobs/aawiki.J1/finish', $this->told()[0][0] );
	}

	public function testAJobThatCannotBeMadeIsDeadAndTheNextOneRuns() {
		$this->offer( [ 'do' => 'refuse to be made' ], [ 'n' => 2 ] );
		$this->assertSame( [ 'ok' ], array_column( $this->runJobsOf()['jobs'], 'status' ) );
		$this->assertSame( '/v1/jobs/aawiki.J1/fail', $this->told()[0][0] );
		$this->assertTrue( $this->told()[0][1]['permanent'] );
		$this->assertStringContainsString( 'not with these parameters', $this->told()[0][1]['error'] );
	}

	public function testThePayloadOfAnEventIsAJobToo() {
		$this->offer( [ '$schema' => '/mediawiki/job/1.0.0', 'type' => 'auwaiTest', 'params' => [ 'n' => 5 ] ] );
		$this->runJobsOf();
		$this->assertSame( 5, $this->ran()[0]['params']['n'] );
	}

	public function testWhatIsPushedWhileAJobRunsFollowsIt() {
		$this->offer( [ 'do' => 'write and push' ] );
		$this->runJobsOf();
		$this->group()->push( new JobSpecification( 'null', [] ) );
		$this->assertSame( 'request-1', $this->pushed()[0]['request_id'] );
		$this->assertSame( 'v1;aawiki.J1;1;0123456789abcdef', $this->pushed()[0]['cause'] );
		$this->assertArrayNotHasKey( 'cause', $this->pushed()[1], 'the job is over' );
	}

	public function testWhatFollowsAFailedJobIsNotCausedByIt() {
		$this->offer( [ 'do' => 'fail' ] );
		$this->runJobsOf();
		$this->group()->push( new JobSpecification( 'null', [] ) );
		$this->assertArrayNotHasKey( 'cause', $this->pushed()[0] );
	}

	public function testALostClaimIsNoErrorAsInCoresQueues() {
		$this->offer( [] );
		$job = $this->group()->pop( 'auwaiTest' );
		$this->script( [ 'path' => '/v1/jobs/aawiki.J1/finish', 'status' => 409, 'body' => [ 'detail' => 'not held' ] ] );
		$this->group()->ack( $job );
		$this->group()->ack( $job );
		$this->assertCount( 1, $this->told() );
	}

	public function testAnEndThatCannotBeToldIsAnErrorAndIsToldAtTheEndOfTheProcess() {
		$claims = new Claims( $this->client( getenv( 'AUWAI_TEST_SERVER' ), '' ), new Cause(),
			MediaWikiServices::getInstance()->getHookContainer(), new NullLogger() );
		$this->offer( [], [] );
		$job = $claims->pop( 'auwaiTest', 'aawiki', 60 );
		$claims->pop( 'auwaiTest', 'aawiki', 60 );
		$this->script( [ 'path' => '/v1/jobs/aawiki.J1/finish', 'status' => 503, 'body' => '' ] );
		try {
			$claims->done( $job->getMetadata( 'id' ) );
			$this->fail( 'the error is not told' );
		} catch ( JobQueueConnectionError $e ) {
			$this->assertStringContainsString( 'aawiki.J1', $e->getMessage() );
		}
		$claims->close();
		$claims->close();
		$told = $this->told();
		$this->assertSame( [ '/v1/jobs/aawiki.J1/finish', '/v1/jobs/aawiki.J1/finish', '/v1/jobs/aawiki.J2/fail' ],
			array_column( $told, 0 ) );
		$this->assertSame( 'crash', $told[2][1]['class'] );
		$this->assertStringStartsWith( 'PHP ended in the job', $told[2][1]['error'] );
	}

	public static function provideDeaths(): array {
		return [
			'exit' => [ 'print and exit', 'PHP ended in the job' ],
			'no memory' => [ 'exhaust memory', 'PHP ended in the job: Allowed memory size' ],
		];
	}

	/**
	 * @dataProvider provideDeaths
	 */
	public function testAJobThatEndsItsProcessHasFailedAndTheServiceKnowsAtOnce( string $do, string $why ) {
		$this->offer( [ 'do' => $do ], [ 'n' => 2 ] );
		[ , $text ] = self::coreEnds( 'runJobs', '--type', 'auwaiTest', '--memory-limit', '64M' );
		$told = $this->told();
		$this->assertSame( [ '/v1/jobs/aawiki.J1/fail' ], array_column( $told, 0 ), $text );
		$this->assertSame( 'crash', $told[0][1]['class'] );
		$this->assertStringStartsWith( $why, $told[0][1]['error'] );
	}

	public function testTheTimeOfAClaimIsTheSites() {
		JobQueue::factory( [ 'class' => MediaWiki\Extension\Auwai\JobQueueAuwai::class, 'domain' => 'aawiki',
			'type' => 'auwaiTest', 'claimTTL' => 90 ] )->pop();
		$this->assertSame( '90s', $this->requests( self::CLAIM )[0]['json']['timeout'] );
	}

	public static function provideRefusals(): array {
		return [
			[ 403, JobQueueError::class, '$wgAuwaiToken needs the role run' ],
			[ 503, JobQueueConnectionError::class, 'HTTP 503' ],
			[ 400, JobQueueError::class, 'HTTP 400' ],
		];
	}

	/**
	 * @dataProvider provideRefusals
	 */
	public function testAServiceThatGivesNoJobsIsAnErrorAndNotAnEmptyQueue( int $status, string $class, string $words ) {
		$this->script( [ 'path' => self::CLAIM, 'status' => $status, 'body' => [ 'detail' => 'no' ] ] );
		$this->expectException( $class );
		$this->expectExceptionMessage( $words );
		$this->group()->pop( 'auwaiTest' );
	}

	public function testTheSecretOfAClaimIsNotInTheWordsOfItsJob() {
		$this->offer( [] );
		$job = $this->group()->pop( 'auwaiTest' );
		$this->assertStringContainsString( 'id=aawiki.J1', $job->toString() );
		$this->assertStringNotContainsString( 'secret', $job->toString() );
		$this->group()->ack( $job );
	}
}
