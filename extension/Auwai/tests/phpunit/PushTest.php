<?php

use MediaWiki\Extension\Auwai\Item;
use MediaWiki\Extension\Auwai\JobQueueAuwai;
use MediaWiki\Extension\Auwai\ParamCodec;
use MediaWiki\Extension\Auwai\Sender;
use MediaWiki\MediaWikiServices;

/**
 * @covers \MediaWiki\Extension\Auwai\JobQueueAuwai
 * @covers \MediaWiki\Extension\Auwai\ItemFactory
 * @covers \MediaWiki\Extension\Auwai\QueueCounts
 * @covers \MediaWiki\Extension\Auwai\Sender
 */
class PushTest extends AuwaiTestCase {

	public function testThreeLinesOfSettingsTakeOver() {
		$config = MediaWikiServices::getInstance()->getMainConfig();
		$this->assertSame( JobQueueAuwai::class, $config->get( 'JobTypeConf' )['default']['class'] );
		$this->assertSame( 0, $config->get( 'JobRunRate' ) );
		$this->assertArrayHasKey( 'cdn-url-purges', $config->get( 'EventRelayerConfig' ) );
	}

	public function testMixedTypesLeaveInOneRequestInTheirOrder() {
		$this->group()->push( [
			new JobSpecification( 'null', [ 'a' => 1 ] ),
			new JobSpecification( 'refreshLinks', [ 'b' => 1 ], [], Title::makeTitle( NS_MAIN, 'P' ) ),
			new JobSpecification( 'unheardOf', [] ),
		] );
		$requests = $this->requests();
		$this->assertCount( 1, $requests );
		$this->assertSame( 'POST', $requests[0]['method'] );
		$this->assertSame( '/v1/jobs', $requests[0]['uri'] );
		$this->assertSame( 'application/json', $requests[0]['headers']['content-type'] );
		$jobs = $requests[0]['json'];
		$this->assertSame( [ 'null', 'refreshLinks', 'unheardOf' ], array_column( $jobs, 'queue' ) );
		$this->assertSame( [ 'aawiki', 'aawiki', 'aawiki' ], array_column( $jobs, 'wiki' ) );
		$this->assertSame( [ 'type' => 'refreshLinks', 'params' => [ 'b' => 1, 'namespace' => 0, 'title' => 'P' ] ],
			$jobs[1]['payload'] );
		$this->assertStringContainsString( '"payload":{"type":"unheardOf","params":{}}', $requests[0]['body'] );
		$this->assertCount( 3, array_unique( array_column( $jobs, 'client_id' ) ) );
		$this->assertNotSame( '', $jobs[0]['request_id'] );
		$this->assertSame( [], $this->rows() );
	}

	public function testAJobCarriesWhatTheServiceNeeds() {
		$this->group()->push( new JobSpecification( 'refreshLinks', [
			'table' => 'templatelinks', 'recursive' => true, 'jobReleaseTimestamp' => 1767323045,
			'rootJobIsSelf' => true, 'rootJobSignature' => 'f628445490e657a3bbd1d4d62a6447bcc215899c',
			'rootJobTimestamp' => '20260102030405', 'requestId' => 'r-1',
		], [ 'removeDuplicates' => true ] ) );
		$job = $this->pushed()[0];
		$this->assertSame( '2026-01-02T03:04:05Z', $job['run_at'] );
		$this->assertSame( [ 'signature' => 'f628445490e657a3bbd1d4d62a6447bcc215899c',
			'timestamp' => '20260102030405', 'is_root' => true ], $job['root'] );
		$this->assertMatchesRegularExpression( '/^[0-9a-f]{64}$/', $job['key'] );
		$this->assertMatchesRegularExpression( '/^[0-9a-f]{32}$/', $job['client_id'] );
		$this->assertSame( 'r-1', $job['request_id'] );
	}

	public function testAPlainJobHasNoKeyRootOrTime() {
		$this->group()->push( new JobSpecification( 'null', [] ) );
		$this->assertSame( [ 'client_id', 'queue', 'wiki', 'request_id', 'payload' ], array_keys( $this->pushed()[0] ) );
	}

	public function testAChildOfARootIsNoRoot() {
		$this->group()->push( new JobSpecification( 'refreshLinks',
			[ 'rootJobSignature' => 'abc', 'rootJobTimestamp' => '20260102030405' ] ) );
		$this->assertFalse( $this->pushed()[0]['root']['is_root'] );
	}

	public function testAnotherWikisJobNamesThatWiki() {
		$this->group( 'bbwiki' )->push( new JobSpecification( 'null', [] ) );
		$this->assertSame( 'bbwiki', $this->pushed()[0]['wiki'] );
	}

	public function testBinaryParametersSurvive() {
		$params = [ 'title' => "caf\xe9", 'pages' => [ 5 => [ 0, "\xff" ] ] ];
		$this->group()->push( new JobSpecification( 'null', $params ) );
		$this->assertSame( $params, ParamCodec::unwrap( $this->pushed()[0]['payload']['params'] ) );
	}

	public function testAnObjectAmongTheParametersIsRefusedAtOnce() {
		$job = new NullJob( [ 'lives' => 1, 'usleep' => 0, 'o' => new stdClass ] );
		$this->expectException( JobQueueError::class );
		$this->expectExceptionMessage( 'object' );
		$this->group()->push( $job );
	}

	public function testMoreThanAThousandJobsAreSplit() {
		$jobs = [];
		for ( $i = 0; $i < 2001; $i++ ) {
			$jobs[] = new JobSpecification( 'null', [ 'n' => $i ] );
		}
		$this->group()->push( $jobs );
		$this->assertSame( [ 1000, 1000, 1 ], array_map( 'count', array_column( $this->requests(), 'json' ) ) );
		$this->assertCount( 2001, $this->kept() );
		$this->assertSame( range( 0, 2000 ), array_map( static function ( $job ) {
			return $job['payload']['params']['n'];
		}, $this->pushed() ) );
	}

	public function testRequestsStayBelowTenMegabytes() {
		$items = [];
		for ( $i = 0; $i < 5; $i++ ) {
			$items[] = new Item( Item::JOB, "k$i", '"' . str_repeat( 'x', 4000000 ) . '"' );
		}
		$requests = Sender::requests( $items );
		$this->assertSame( [ 2, 2, 1 ], array_map( 'count', $requests ) );
	}

	public function testJobsAndEventsDoNotShareARequest() {
		$items = [ new Item( Item::JOB, 'a', '{}' ), new Item( Item::EVENT, 'b', '{}' ), new Item( Item::EVENT, 'c', '{}' ),
			new Item( Item::JOB, 'd', '{}' ) ];
		$this->assertSame( [ 1, 2, 1 ], array_map( 'count', Sender::requests( $items ) ) );
	}

	public function testEverythingOfATransactionLeavesInOneRequestAfterTheCommit() {
		$this->lbFactory()->beginPrimaryChanges( __METHOD__ );
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 1 ] ) );
		$this->writeSomething();
		$this->group()->push( new JobSpecification( 'other', [ 'n' => 2 ] ) );
		$this->group( 'bbwiki' )->push( new JobSpecification( 'null', [ 'n' => 3 ] ) );
		$this->assertSame( [], $this->requests() );
		$this->lbFactory()->commitPrimaryChanges( __METHOD__ );
		$this->assertCount( 1, $this->requests() );
		$this->assertSame( [ 'aawiki', 'aawiki', 'bbwiki' ], array_column( $this->pushed(), 'wiki' ) );
		$this->assertSame( [], $this->rows() );
	}

	public function testSizesAreTheServices() {
		$this->queues( [
			[ 'queue' => 'refreshLinks', 'wiki' => 'aawiki', 'ready' => 5, 'delayed' => 2, 'blocked' => 1, 'running' => 3,
				'held' => '', 'dead' => 4, 'oldest_age_s' => 1 ],
			[ 'queue' => 'null', 'wiki' => 'aawiki', 'ready' => 0, 'delayed' => 7, 'blocked' => 0, 'running' => 0,
				'held' => '', 'dead' => 0, 'oldest_age_s' => 0 ],
		] );
		$queue = $this->group()->get( 'refreshLinks' );
		$this->assertFalse( $queue->isEmpty() );
		$this->assertSame( 5, $queue->getSize() );
		$this->assertSame( 3, $queue->getDelayedCount() );
		$this->assertSame( 7, $queue->getAcquiredCount() );
		$this->assertSame( 4, $queue->getAbandonedCount() );
		$this->assertTrue( $this->group()->get( 'null' )->isEmpty() );
		$this->assertSame( 7, $this->group()->get( 'null' )->getDelayedCount() );
		$this->assertSame( 0, $this->group()->get( 'cdnPurge' )->getSize() );
		$this->assertSame( [ 'refreshLinks' => 5 ], $this->group()->getQueueSizes() );
		$this->assertSame( [ 'refreshLinks' ], $this->group()->getQueuesWithJobs() );
		$this->assertCount( 1, $this->requests( '/v1/queues' ) );
		$this->assertSame( '/v1/queues?wiki=aawiki&limit=1000', $this->requests()[0]['uri'] );
		$queue->flushCaches();
		$this->assertSame( 5, $queue->getSize() );
		$this->assertCount( 2, $this->requests( '/v1/queues' ) );
	}

	public function testSizesComeInPages() {
		$row = [ 'wiki' => 'aawiki', 'delayed' => 0, 'blocked' => 0, 'running' => 0, 'dead' => 0 ];
		$this->script( [ 'path' => '/v1/queues', 'status' => 200, 'body' => [
			'queues' => [ $row + [ 'queue' => 'null', 'ready' => 1 ] ], 'cursor' => 'c&1' ] ] );
		$this->queues( [ $row + [ 'queue' => 'other', 'ready' => 2 ] ] );
		$this->assertSame( 2, $this->group()->get( 'other' )->getSize() );
		$this->assertSame( 1, $this->group()->get( 'null' )->getSize() );
		$this->assertStringContainsString( 'cursor=c%261', $this->requests()[1]['uri'] );
	}

	public function testUnknownSizesAreAnErrorAndNotZero() {
		$this->script( [ 'path' => '/v1/queues', 'status' => 503, 'body' => '', 'times' => 9 ] );
		$queue = $this->group()->get( 'null' );
		$this->expectException( JobQueueConnectionError::class );
		$queue->getSize();
	}

	public function testTheQueueSaysWhereItIsAndThatItDelays() {
		$queue = $this->group()->get( 'null' );
		$this->assertTrue( $queue->delayedJobsEnabled() );
		$this->assertStringStartsWith( 'auwai:http://', $queue->getCoalesceLocationInternal() );
	}

	public static function provideOrders(): array {
		return [ [ 'fifo' ], [ 'timestamp' ], [ 'random' ], [ 'undefined' ], [ 'any' ] ];
	}

	/**
	 * @dataProvider provideOrders
	 */
	public function testEveryOrderThatASiteMayHaveIsAccepted( string $order ) {
		$queue = JobQueue::factory( [ 'class' => JobQueueAuwai::class, 'domain' => 'aawiki', 'type' => 'null',
			'order' => $order ] );
		$queue->push( new JobSpecification( 'null', [] ) );
		$this->assertCount( 1, $this->pushed() );
	}
}
