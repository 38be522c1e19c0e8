<?php

use MediaWiki\Extension\Auwai\Spool\FileSpool;

/**
 * The spool of a wiki whose table does not exist.
 *
 * @covers \MediaWiki\Extension\Auwai\Spool\FileSpool
 * @covers \MediaWiki\Extension\Auwai\Outbox
 * @covers \MediaWiki\Extension\Auwai\Drainer
 */
class FileSpoolTest extends AuwaiTestCase {

	private static function keys( array $items ): array {
		return array_column( $items, 'key' );
	}

	public function testWithoutTheTableAFileTakesItsPlace() {
		$table = $this->absentTable();
		$this->script( [ 'path' => '/v1/jobs', 'status' => 503, 'body' => '' ] );
		$old = $this->items( 2 );
		$this->outbox( '', $table )->add( $old );
		$file = $this->service( 'Auwai.FileSpool' );
		$this->assertSame( [ 'waiting' => 2, 'set_aside' => 0 ], $file->count() );
		$this->assertSame( '0600', substr( sprintf( '%o', fileperms( self::dir( 'spool/aawiki.jsonl' ) ) ), -4 ) );

		$new = $this->items( 1 );
		$this->outbox( '', $table )->add( $new );
		$this->assertSame( array_merge( self::keys( $old ), self::keys( $new ) ),
			array_column( $this->requests()[1]['json'], 'client_id' ) );
		$this->assertSame( [ 'waiting' => 0, 'set_aside' => 0 ], $file->count() );
		$this->assertFalse( $file->hasDue() );
		$this->assertSame( [], $this->rows() );
	}

	public function testWithoutTableAndFolderTheCallerLearnsIt() {
		$this->script( [ 'path' => '/v1/jobs', 'status' => 503, 'body' => '' ] );
		$this->expectException( RuntimeException::class );
		$this->expectExceptionMessage( 'update.php' );
		$this->outbox( '', $this->absentTable(), new FileSpool( '', 'aawiki' ) )->add( $this->items( 1 ) );
	}

	public function testAFileGoesOnWhereTheLastDrainStopped() {
		$table = $this->absentTable();
		$file = $this->service( 'Auwai.FileSpool' );
		$file->append( $this->items( 1500 ) );
		$this->script( [ 'path' => '/v1/jobs', 'status' => 201, 'body' => '[]' ],
			[ 'path' => '/v1/jobs', 'status' => 503, 'body' => '' ] );
		$this->assertNotNull( $this->drainer( '', $table )->drain( 30 )->failure );
		$file->append( $this->items( 2 ) );
		$this->assertSame( 502, $file->count()['waiting'] );
		$this->assertSame( 500, $this->drainer( '', $table )->drain( 30 )->sent );
		$this->assertSame( 2, $this->drainer( '', $table )->drain( 30 )->sent );
		$this->assertFalse( $file->hasDue() );
	}

	public function testATornLineIsSetAsideAndSpoilsNoOther() {
		$file = $this->service( 'Auwai.FileSpool' );
		$file->append( $this->items( 1 ) );
		file_put_contents( self::dir( 'spool/aawiki.jsonl' ), '{"kind":"job","key":"to', FILE_APPEND );
		$file->append( $this->items( 1 ) );
		$report = $this->drainer( '', $this->absentTable() )->drain( 9 );
		$this->assertSame( 2, $report->sent );
		$this->assertSame( [ 'waiting' => 0, 'set_aside' => 1 ], $file->count() );
	}

	public function testAFileKeepsWhatIsRefused() {
		$file = $this->service( 'Auwai.FileSpool' );
		$file->append( array_merge( $this->items( 1, 'refuseMe' ), $this->items( 2 ) ) );
		$drainer = $this->drainer( '', $this->absentTable() );
		$this->assertSame( 2, $drainer->drain( 9 )->sent );
		$this->assertSame( [ 'waiting' => 0, 'set_aside' => 1 ], $file->count() );

		$this->script( [ 'path' => '/v1/jobs', 'status' => 207, 'body' => [ [ 'id' => 'x' ], [ 'error' => 'later' ] ] ] );
		$file->append( $this->items( 2 ) );
		$this->assertSame( 1, $drainer->drain( 9 )->sent );
		$this->assertSame( 1, $drainer->drain( 9 )->sent );
		$file->retryAll();
		$this->assertSame( [ 'waiting' => 1, 'set_aside' => 0 ], $file->count() );
	}

	public function testWritersAndADrainAtOnceLoseNothing() {
		$script = self::dir( 'append.php' );
		file_put_contents( $script, '<?php
			$src = getenv( "AUWAI_TEST_EXTENSION" ) . "/src";
			require "$src/Item.php";
			require "$src/Text.php";
			require "$src/Spool/FileSpool.php";
			$spool = new MediaWiki\Extension\Auwai\Spool\FileSpool( getenv( "AUWAI_TEST_DIR" ) . "/spool", "aawiki" );
			for ( $i = 0; $i < 100; $i++ ) {
				$key = "$argv[1]-$i";
				$spool->append( [ new MediaWiki\Extension\Auwai\Item( "job", $key,
					json_encode( [ "client_id" => $key, "queue" => "null", "wiki" => "aawiki", "payload" => [] ] ) ) ] );
			}' );
		$writers = [];
		for ( $w = 0; $w < 4; $w++ ) {
			$writers[] = proc_open( [ PHP_BINARY, $script, "writer$w" ], [], $pipes );
		}
		$drainer = $this->drainer( '', $this->absentTable() );
		do {
			$this->assertNull( $drainer->drain( 30 )->failure );
			$running = array_filter( $writers, static function ( $writer ) {
				return proc_get_status( $writer )['running'];
			} );
		} while ( $running );
		$drainer->drain( 30 );
		$drainer->drain( 30 );
		$this->assertCount( 400, $this->kept() );
		$this->assertCount( 400, $this->pushed(), 'nothing was sent twice' );
		$this->assertSame( [ 'waiting' => 0, 'set_aside' => 0 ], $this->service( 'Auwai.FileSpool' )->count() );
	}
}
