<?php

/**
 * @covers \MediaWiki\Extension\Auwai\Outbox
 * @covers \MediaWiki\Extension\Auwai\Drainer
 * @covers \MediaWiki\Extension\Auwai\Sender
 * @covers \MediaWiki\Extension\Auwai\Spool\TableSpool
 */
class SpoolTest extends AuwaiTestCase {
	private const AWAY = [ 'path' => '/v1/jobs', 'status' => 503, 'body' => '', 'times' => 99 ];

	private static function keys( array $items ): array {
		return array_column( $items, 'key' );
	}

	public static function provideFailures(): array {
		return [ [ 500 ], [ 502 ], [ 503 ], [ 404 ], [ 401 ], [ 429 ], [ 200 ], [ 302 ] ];
	}

	/**
	 * @dataProvider provideFailures
	 */
	public function testWhatTheServiceDoesNotConfirmIsSpooled( int $status ) {
		$this->script( [ 'path' => '/v1/jobs', 'status' => $status, 'body' => '<html>' ] );
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 1 ] ) );
		$this->assertCount( 1, $this->rows() );
		$this->assertSame( $this->requests()[0]['body'], '[' . $this->rows()[0]['item'] . ']' );
	}

	public function testARefusedConnectionIsAFailure() {
		$items = $this->items( 2 );
		$this->outbox( getenv( 'AUWAI_TEST_CLOSED' ) )->add( $items );
		$this->assertSame( self::keys( $items ), self::keys( $this->rows() ) );
	}

	public function testAfterAFailureTheProcessDoesNotTryAgain() {
		$this->script( self::AWAY );
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 1 ] ) );
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 2 ] ) );
		$this->assertCount( 1, $this->requests() );
		$this->assertCount( 2, $this->rows() );
	}

	public function testARolledBackTransactionTakesItsJobsAlong() {
		$this->lbFactory()->beginPrimaryChanges( __METHOD__ );
		$this->writeSomething();
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 1 ] ) );
		$this->lbFactory()->rollbackPrimaryChanges( __METHOD__ );
		$this->assertSame( [], $this->requests() );
		$this->assertSame( [], $this->rows() );
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 2 ] ) );
		$this->assertSame( 2, $this->pushed()[0]['payload']['params']['n'] );
		$this->assertCount( 1, $this->pushed() );
	}

	public function testWhatIsPushedWhileATransactionEndsIsSentToo() {
		$dbw = $this->db();
		$push = function ( int $n ): callable {
			return function () use ( $n ) {
				$this->group()->push( new JobSpecification( 'null', [ 'n' => $n ] ) );
			};
		};
		$this->lbFactory()->beginPrimaryChanges( __METHOD__ );
		$this->writeSomething();
		$dbw->onTransactionResolution( $push( 4 ), __METHOD__ );
		$dbw->onTransactionCommitOrIdle( $push( 3 ), __METHOD__ );
		$push( 1 )();
		$dbw->onTransactionPreCommitOrIdle( $push( 2 ), __METHOD__ );
		$this->lbFactory()->commitPrimaryChanges( __METHOD__ );
		$sent = array_map( static function ( $job ) {
			return $job['payload']['params']['n'];
		}, $this->pushed() );
		sort( $sent );
		$this->assertSame( [ 1, 2, 3, 4 ], $sent );
		$this->assertSame( [], $this->rows() );
	}

	public function testTransactionsOneAfterTheOtherDoNotMixTheirItems() {
		foreach ( [ 1, 2, 3 ] as $n ) {
			$this->lbFactory()->beginPrimaryChanges( __METHOD__ );
			$this->writeSomething();
			$this->group()->push( new JobSpecification( 'null', [ 'n' => $n ] ) );
			if ( $n === 2 ) {
				$this->lbFactory()->rollbackPrimaryChanges( __METHOD__ );
			} else {
				$this->lbFactory()->commitPrimaryChanges( __METHOD__ );
			}
		}
		$this->assertSame( [ 1, 3 ], array_map( static function ( $job ) {
			return $job['payload']['params']['n'];
		}, $this->pushed() ) );
		$this->assertSame( [], $this->rows() );
	}

	public function testACommitThatFailsTakesItsRowsAlong() {
		$dbw = $this->db();
		$this->lbFactory()->beginPrimaryChanges( __METHOD__ );
		$this->writeSomething();
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 1 ] ) );
		$dbw->onTransactionPreCommitOrIdle( static function () {
			throw new RuntimeException( 'somebody objects' );
		}, __METHOD__ );
		try {
			$this->lbFactory()->commitPrimaryChanges( __METHOD__ );
			$this->fail( 'the commit went through' );
		} catch ( RuntimeException $e ) {
			$this->lbFactory()->rollbackPrimaryChanges( __METHOD__ );
		}
		$this->assertSame( [], $this->requests() );
		$this->assertSame( [], $this->rows() );
	}

	public function testACancelledSectionTakesItsJobsAlong() {
		$dbw = $this->db();
		$dbw->startAtomic( __METHOD__ );
		$this->writeSomething();
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 1 ] ) );
		$dbw->startAtomic( 'inner', $dbw::ATOMIC_CANCELABLE );
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 2 ] ) );
		$dbw->cancelAtomic( 'inner' );
		$dbw->endAtomic( __METHOD__ );
		$this->assertCount( 1, $this->pushed() );
		$this->assertSame( 1, $this->pushed()[0]['payload']['params']['n'] );
	}

	public function testTheRowOfATransactionIsItsProcesssUntilThatHasTriedToSendIt() {
		$due = [];
		$this->lbFactory()->beginPrimaryChanges( __METHOD__ );
		$this->writeSomething();
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 1 ] ) );
		$this->db()->onTransactionPreCommitOrIdle( function () use ( &$due ) {
			$due[] = count( $this->rows() );
			$due[] = $this->service( 'Auwai.TableSpool' )->hasDue();
		}, __METHOD__ );
		$this->script( self::AWAY );
		$this->lbFactory()->commitPrimaryChanges( __METHOD__ );
		$this->assertSame( [ 1, false ], $due );
		$this->assertCount( 1, $this->rows() );
		$this->assertTrue( $this->service( 'Auwai.TableSpool' )->hasDue() );
	}

	public function testWhatTransactionsCouldNotSendKeepsItsOrder() {
		$this->script( self::AWAY );
		foreach ( [ 1, 2 ] as $n ) {
			$this->lbFactory()->beginPrimaryChanges( __METHOD__ );
			$this->writeSomething();
			$this->group()->push( new JobSpecification( 'null', [ 'n' => $n ] ) );
			$this->lbFactory()->commitPrimaryChanges( __METHOD__ );
		}
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 3 ] ) );
		$this->assertCount( 1, $this->requests() );
		$this->script();
		$this->service( 'Auwai.Outbox' )->reset();
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 4 ] ) );
		$this->assertSame( [ 1, 2, 3, 4 ], array_map( static function ( $job ) {
			return $job['payload']['params']['n'];
		}, array_slice( $this->pushed(), 1 ) ) );
		$this->assertSame( [], $this->rows() );
	}

	public function testATransactionWithoutWritesNeedsNoRowUnlessSendingFails() {
		$this->script( self::AWAY );
		$this->lbFactory()->beginPrimaryChanges( __METHOD__ );
		$this->group()->push( new JobSpecification( 'null', [ 'n' => 1 ] ) );
		$this->lbFactory()->commitPrimaryChanges( __METHOD__ );
		$this->assertCount( 1, $this->rows() );
		$this->assertTrue( $this->service( 'Auwai.TableSpool' )->hasDue() );
	}

	public function testAProcessThatDiesBetweenCommitAndSendingLosesNothing() {
		$script = self::dir( 'die.php' );
		file_put_contents( $script, '<?php
			require getenv( "MW_INSTALL_PATH" ) . "/maintenance/Maintenance.php";
			class AuwaiDie extends Maintenance {
				public function execute() {
					$services = MediaWiki\MediaWikiServices::getInstance();
					$lbFactory = $services->getDBLoadBalancerFactory();
					$dbw = $lbFactory->getMainLB()->getConnection( DB_PRIMARY );
					$lbFactory->beginPrimaryChanges( __METHOD__ );
					$dbw->onTransactionCommitOrIdle( static function () {
						posix_kill( getmypid(), SIGKILL );
					}, __METHOD__ );
					$dbw->insert( "updatelog", [ "ul_key" => "auwai-die" . mt_rand() ], __METHOD__ );
					$services->getJobQueueGroup()->push( new JobSpecification( "null", [ "n" => 1 ] ) );
					$lbFactory->commitPrimaryChanges( __METHOD__ );
				}
			}
			$maintClass = AuwaiDie::class;
			require RUN_MAINTENANCE_IF_MAIN;' );
		exec( PHP_BINARY . ' ' . escapeshellarg( $script ) . ' 2>&1', $output, $status );
		$this->assertSame( 128 + SIGKILL, $status, implode( "\n", $output ) );
		$this->assertSame( [], $this->requests() );
		$this->assertCount( 1, $this->rows() );
		$this->service( 'Auwai.TableSpool' )->release( self::keys( $this->rows() ) );
		$this->assertSame( 1, $this->drainer()->drain( 9 )->sent );
		$this->assertCount( 1, $this->kept() );
		$this->assertSame( [], $this->rows() );
	}

	public function testAnAnswerThatIsLostMakesNoDouble() {
		$this->script( [ 'path' => '/v1/jobs', 'status' => 500, 'body' => '', 'keep' => true ] );
		$items = $this->items( 3 );
		$this->outbox()->add( $items );
		$this->assertCount( 3, $this->kept() );
		$this->assertCount( 3, $this->rows() );
		$this->assertSame( 3, $this->drainer()->drain( 9 )->sent );
		$this->assertCount( 3, $this->kept() );
		[ $first, $second ] = $this->requests();
		$this->assertSame( $first['body'], $second['body'] );
		$this->assertSame( [], $this->rows() );
	}

	public function testTheNextPushDrainsFirstAndKeepsTheOrder() {
		$this->script( [ 'path' => '/v1/jobs', 'status' => 503, 'body' => '' ] );
		$old = $this->items( 3 );
		$this->outbox()->add( $old );
		$new = $this->items( 2 );
		$this->outbox()->add( $new );
		$this->assertSame( array_merge( self::keys( $old ), self::keys( $new ) ),
			array_column( $this->requests()[1]['json'], 'client_id' ) );
		$this->assertSame( [], $this->rows() );
	}

	public function testItemsOfATransactionQueueUpBehindWhatWaits() {
		$this->script( [ 'path' => '/v1/jobs', 'status' => 503, 'body' => '' ] );
		$old = $this->items( 1 );
		$this->outbox()->add( $old );
		$this->lbFactory()->beginPrimaryChanges( __METHOD__ );
		$this->writeSomething();
		$new = $this->items( 1 );
		$this->outbox()->add( $new );
		$this->lbFactory()->commitPrimaryChanges( __METHOD__ );
		$this->assertSame( array_merge( self::keys( $old ), self::keys( $new ) ),
			array_column( $this->requests()[1]['json'], 'client_id' ) );
		$this->assertSame( [], $this->rows() );
	}

	public function testALargeSpoolLeavesInPages() {
		$this->service( 'Auwai.TableSpool' )->insert( $this->items( 1500 ) );
		$this->assertSame( 1500, $this->drainer()->drain( 30 )->sent );
		$this->assertSame( [ 1000, 500 ], array_map( 'count', array_column( $this->requests(), 'json' ) ) );
		$this->assertSame( [], $this->rows() );
	}

	public function testADrainWithoutTimeSaysThatMoreIsLeft() {
		$this->service( 'Auwai.TableSpool' )->insert( $this->items( 1 ) );
		$report = $this->drainer()->drain( 0 );
		$this->assertTrue( $report->more );
		$this->assertSame( 0, $report->sent );
	}

	public function testAFailingDrainKeepsWhatIsLeft() {
		$this->service( 'Auwai.TableSpool' )->insert( $this->items( 1500 ) );
		$this->script( [ 'path' => '/v1/jobs', 'status' => 201, 'body' => '[]' ],
			[ 'path' => '/v1/jobs', 'status' => 503, 'body' => '' ] );
		$report = $this->drainer()->drain( 30 );
		$this->assertStringContainsString( '503', $report->failure );
		$this->assertSame( 1000, $report->sent );
		$this->assertCount( 500, $this->rows() );
	}

	public function testTwoDrainsDoNotFight() {
		$this->service( 'Auwai.TableSpool' )->insert( $this->items( 1 ) );
		$ready = self::dir( 'holds-the-lock' );
		$script = self::dir( 'hold.php' );
		file_put_contents( $script, '<?php
			require getenv( "MW_INSTALL_PATH" ) . "/maintenance/Maintenance.php";
			class AuwaiHold extends Maintenance {
				public function execute() {
					$spool = MediaWiki\MediaWikiServices::getInstance()->getService( "Auwai.TableSpool" );
					echo $spool->lock() ? "locked\n" : "busy\n";
					fgets( STDIN );
					$spool->unlock();
				}
			}
			$maintClass = AuwaiHold::class;
			require RUN_MAINTENANCE_IF_MAIN;' );
		$process = proc_open( [ PHP_BINARY, $script ], [ [ 'pipe', 'r' ], [ 'pipe', 'w' ], STDERR ], $pipes );
		$this->assertSame( "locked\n", fgets( $pipes[1] ) );
		$report = $this->drainer()->drain( 9 );
		$this->assertTrue( $report->busy );
		$this->assertSame( [], $this->requests() );
		fwrite( $pipes[0], "\n" );
		proc_close( $process );
		$this->assertSame( 1, $this->drainer()->drain( 9 )->sent );
	}

	public function testOnePartOfARequestMayBeRefused() {
		$items = $this->items( 3 );
		$this->script( [ 'path' => '/v1/jobs', 'status' => 207, 'body' => [
			[ 'id' => 'x1' ], [ 'error' => 'its partition is away' ], [ 'error' => 'never', 'retry' => false ] ] ] );
		$this->outbox()->add( $items );
		$rows = $this->rows();
		$this->assertSame( [ $items[1]->key, $items[2]->key ], self::keys( $rows ) );
		$this->assertSame( [ false, true ], array_column( $rows, 'set_aside' ) );
		$this->assertSame( [ 'its partition is away', 'never' ], array_column( $rows, 'error' ) );
		$this->assertFalse( $this->service( 'Auwai.TableSpool' )->hasDue(), 'a refused item waits before it is tried again' );
		$this->service( 'Auwai.TableSpool' )->retryAll();
		$this->assertSame( 2, $this->drainer()->drain( 9 )->sent );
	}

	public function testWhatIsRefusedAgainAndAgainIsSetAsideAndNotLost() {
		$items = $this->items( 1 );
		$table = $this->service( 'Auwai.TableSpool' );
		$table->insert( $items );
		for ( $i = 1; $i < 12; $i++ ) {
			$this->assertSame( 0, $table->refuse( [ $items[0]->key => "no $i" ], false ) );
		}
		$this->assertSame( 1, $table->refuse( [ $items[0]->key => 'no 12' ], false ) );
		$this->assertSame( [ 'waiting' => 0, 'set_aside' => 1 ], $table->count() );
	}

	public function testAnAnswerThatMakesNoSenseConfirmsNothing() {
		$this->script( [ 'path' => '/v1/jobs', 'status' => 207, 'body' => [ [ 'id' => 'x1' ] ] ] );
		$this->outbox()->add( $this->items( 3 ) );
		$this->assertCount( 3, $this->rows() );
	}

	public function testOneBadJobDoesNotHoldUpTheOthers() {
		$items = array_merge( $this->items( 3 ), $this->items( 1, 'refuseMe' ), $this->items( 4 ) );
		$this->outbox()->add( $items );
		$this->assertCount( 7, $this->kept() );
		$this->assertSame( [ $items[3]->key ], self::keys( $this->rows() ) );
		$this->assertTrue( $this->rows()[0]['set_aside'] );
		$this->assertStringContainsString( 'refused', $this->rows()[0]['error'] );
	}

	public function testOneBadRowDoesNotHoldUpADrain() {
		$this->service( 'Auwai.TableSpool' )->insert(
			array_merge( $this->items( 1, 'refuseMe' ), $this->items( 5 ) ) );
		$report = $this->drainer()->drain( 9 );
		$this->assertSame( [ 5, 1 ], [ $report->sent, $report->setAside ] );
		$this->assertNull( $report->failure );
		$this->assertCount( 1, $this->rows() );
	}

	public function testTheScriptShowsAndDrains() {
		$this->service( 'Auwai.TableSpool' )->insert( $this->items( 2 ) );
		$spool = $this->maintenance( 'spool.php', '--show' );
		$this->assertStringContainsString( 'table: 2 waiting, 0 set aside', $spool );
		$this->assertStringContainsString( $this->rows()[0]['key'], $spool );
		$this->assertStringContainsString( 'sent: 2', $this->maintenance( 'spool.php', '--drain' ) );
		$this->assertSame( [], $this->rows() );
		$this->assertSame( self::SECRET . "\n", $this->maintenance( 'secret.php' ) );
	}

	private function maintenance( string $script, string ...$arguments ): string {
		$file = getenv( 'AUWAI_TEST_EXTENSION' ) . "/maintenance/$script";
		exec( PHP_BINARY . ' ' . implode( ' ', array_map( 'escapeshellarg', [ $file, ...$arguments ] ) ) . ' 2>&1', $output, $status );
		$text = implode( "\n", $output ) . "\n";
		$this->assertSame( 0, $status, $text );
		return $text;
	}
}
