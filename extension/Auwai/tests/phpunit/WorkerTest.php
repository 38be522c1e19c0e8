<?php

use MediaWiki\Extension\Auwai\SettingsFiles;

/**
 * The worker script as the Auwai service uses it: a process with a pipe for requests, one for
 * answers, and one for what jobs print.
 *
 * @covers \MediaWiki\Extension\Auwai\Worker
 * @covers \MediaWiki\Extension\Auwai\SettingsFiles
 * @covers \MediaWiki\Extension\Auwai\JobBatch
 */
class WorkerTest extends AuwaiTestCase {
	/** @var array[] Processes with their pipes */
	private $workers = [];

	protected function tearDown(): void {
		foreach ( $this->workers as $worker ) {
			proc_terminate( $worker['process'], 9 );
			proc_close( $worker['process'] );
		}
		$this->workers = [];
		parent::tearDown();
	}

	private function start( string ...$args ): array {
		$process = proc_open(
			array_merge( [ PHP_BINARY, getenv( 'AUWAI_TEST_EXTENSION' ) . '/maintenance/worker.php' ], $args ),
			[ [ 'pipe', 'r' ], [ 'pipe', 'w' ], [ 'pipe', 'w' ], [ 'pipe', 'w' ] ], $pipes, null,
			[ 'MW_CONFIG_FILE' => getenv( 'AUWAI_WIKI_CONFIG' ) ] + getenv()
		);
		$worker = [ 'process' => $process, 'pipes' => $pipes ];
		$this->workers[] = $worker;
		stream_set_timeout( $pipes[3], 30 );
		return $worker;
	}

	/** A worker that has said that it is ready. */
	private function ready( string ...$args ): array {
		$worker = $this->start( ...$args );
		$this->assertSame( [ 'ready' => true, 'wiki' => 'aawiki', 'mediawiki' => MW_VERSION, 'php' => PHP_VERSION ],
			$this->line( $worker ) );
		return $worker;
	}

	private function line( array $worker ): ?array {
		$line = fgets( $worker['pipes'][3] );
		return $line === false ? null : json_decode( $line, true );
	}

	/** @return array[] Lines up to the last one of the request, or the worker's end; without times */
	private function lines( array $worker ): array {
		$lines = [];
		do {
			$line = $this->line( $worker );
			if ( $line !== null ) {
				unset( $line['time_ms'] );
				$lines[] = $line;
			}
		} while ( $line !== null && !isset( $line['done'] ) );
		return $lines;
	}

	private function send( array $worker, array $params, float $maxTime = 30 ): void {
		$jobs = [];
		foreach ( $params as $i => $p ) {
			$jobs[] = [ 'id' => "job-$i", 'attempt' => 1, 'request_id' => "request-$i",
				'payload' => isset( $p['type'] ) ? $p : [ 'type' => 'auwaiTest', 'params' => $p ?: new stdClass ] ];
		}
		fwrite( $worker['pipes'][0], json_encode( [ 'fence' => 7, 'jobs' => $jobs, 'max_time_s' => $maxTime ] ) . "\n" );
	}

	private function serve( array $worker, array $params ): array {
		$this->send( $worker, $params );
		return $this->lines( $worker );
	}

	private static function done( string $stopped = '', string $reason = '', bool $leaving = false, int $spool = 0 ): array {
		return [ 'done' => true, 'spool' => $spool, 'stopped' => $stopped, 'reason' => $reason, 'leaving' => $leaving ];
	}

	public function testOneProcessServesManyRequests() {
		$worker = $this->ready();
		foreach ( [ 1, 2, 3 ] as $n ) {
			$lines = $this->serve( $worker, [ [], [ 'do' => 'fail' ], [ 'do' => 'throw', 'once' => true ], [ 'type' => 'noSuchJob', 'params' => [] ] ] );
			$this->assertSame( [ true, false, false, false ], array_column( $lines, 'ok' ) );
			$this->assertSame( [ true, true, false, false ], array_column( $lines, 'retry' ) );
			$this->assertTrue( $lines[3]['permanent'] );
			$this->assertSame( self::done(), $lines[4] );
		}
		fclose( $worker['pipes'][0] );
		$this->assertNull( $this->line( $worker ), 'the process ends with its input' );
		$this->assertSame( 'request-0', $this->ran()[0]['request'] );
		$this->assertCount( 9, $this->ran() );
	}

	public function testWhatJobsPrintIsMarkedAndKeptApart() {
		$worker = $this->ready();
		$this->assertSame( self::done(), $this->serve( $worker, [ [ 'do' => 'print' ], [] ] )[2] );
		fclose( $worker['pipes'][0] );
		$this->assertSame( "\x1e0\nprinted\n{\"done\":true}\nand left a buffer open\x1e1\n",
			stream_get_contents( $worker['pipes'][1] ) );
	}

	public function testAJobThatKillsItsProcessHasBegunAndHasNoLine() {
		foreach ( [ 'print and exit', 'exhaust memory' ] as $how ) {
			$worker = $this->ready( '--memory-limit=64M' );
			$lines = $this->serve( $worker, [ [], [ 'do' => $how ], [] ] );
			$this->assertSame( [ 'job-0' ], array_column( $lines, 'id' ), $how );
			$this->assertSame( [], array_column( $lines, 'done' ), $how );
			$output = stream_get_contents( $worker['pipes'][1] );
			$this->assertStringContainsString( "\x1e1\n", $output );
			$this->assertStringNotContainsString( "\x1e2\n", $output );
		}
		$this->assertStringContainsString( 'Allowed memory size', $output . stream_get_contents( $worker['pipes'][2] ) );
	}

	public function testAProcessOfOldSettingsLeavesBeforeTheNextJob() {
		$worker = $this->ready();
		$this->assertSame( self::done(), $this->serve( $worker, [ [] ] )[1] );
		file_put_contents( self::dir( 'readonly-file' ), 'being moved' );
		$file = self::dir( 'readonly-file' );
		$this->assertSame( [ self::done( 'changed', "$file has changed", true ) ], $this->serve( $worker, [ [] ] ) );
		$this->assertNull( $this->line( $worker ), 'it has left' );
		$next = $this->ready();
		$this->assertSame( [ self::done( 'readonly', 'being moved' ) ], $this->serve( $next, [ [] ] ) );
		$this->assertCount( 1, $this->ran(), 'a read-only wiki runs nothing' );
	}

	public function testAFileHasChangedWhenItsSizeDiffersOrItCameOrWent() {
		$now = 1000000000.0;
		$settings = self::dir( 'settings-always.php' );
		$other = self::dir( 'settings-other.php' );
		file_put_contents( $settings, 'a' );
		file_put_contents( $other, 'a' );
		$files = new SettingsFiles( [ $settings, self::dir( 'settings-absent.php' ) ], [ $other ] );
		$this->assertNull( $files->changed( $now ) );
		file_put_contents( $other, 'ab' );
		$this->assertNull( $files->changed( $now + 0.5 - 1e9 ), 'looked at once a second' );
		$this->assertSame( $other, $files->changed( microtime( true ) + 2 ) );
		file_put_contents( $settings, 'ab' );
		$this->assertSame( $settings, $files->changed( $now ), 'looked at each time' );
		file_put_contents( $settings, 'a' );
		unlink( $settings );
		$this->assertSame( $settings, $files->changed( $now ) );
		unlink( $other );
	}

	public function testTheSettingsOfTheWikiAreAmongTheFiles() {
		$files = SettingsFiles::ofThisProcess( getenv( 'MW_INSTALL_PATH' ), '' );
		$stamps = new ReflectionProperty( $files, 'stamps' );
		$stamps->setAccessible( true );
		$names = array_keys( $stamps->getValue( $files ) );
		$this->assertSame( getenv( 'AUWAI_WIKI_CONFIG' ), $names[0] );
		$this->assertContains( getenv( 'AUWAI_TEST_EXTENSION' ) . '/extension.json', $names );
		$this->assertContains( getenv( 'MW_INSTALL_PATH' ) . '/includes/Defines.php', $names );
		$this->assertContains( getenv( 'AUWAI_TEST_EXTENSION' ) . '/extension.json', $names );
		$this->assertNotContains( getenv( 'MW_INSTALL_PATH' ) . '/includes/Setup.php', $names );
		$this->assertNotContains( getenv( 'AUWAI_TEST_EXTENSION' ) . '/src/SettingsFiles.php', $names );
	}

	public function testADatabaseThatWentReadOnlyEndsTheRequestAndNotTheProcess() {
		$worker = $this->ready();
		$lines = $this->serve( $worker, [ [ 'do' => 'hit read only' ], [] ] );
		$this->assertTrue( $lines[0]['readonly'] );
		$this->assertSame( self::done( 'readonly' ), $lines[1] );
		$this->assertSame( self::done(), $this->serve( $worker, [ [] ] )[1] );
	}

	public function testAProcessShortOfMemoryLeaves() {
		$worker = $this->ready( '--memory-limit=64M' );
		$lines = $this->serve( $worker, [ [ 'do' => 'keep memory' ], [] ] );
		$this->assertSame( [ 'job-0' ], array_column( $lines, 'id' ) );
		$this->assertSame( self::done( 'memory', '', true ), $lines[1] );
	}

	public function testNonsenseIsRefusedAndTheProcessLives() {
		$worker = $this->ready();
		fwrite( $worker['pipes'][0], "{\n" );
		$this->assertSame( [ self::done( 'request', 'The body is not a JSON object.' ) ], $this->lines( $worker ) );
		$this->assertSame( self::done(), $this->serve( $worker, [ [] ] )[1] );
	}

	public function testARequestDrainsTheSpool() {
		$worker = $this->ready();
		$this->service( 'Auwai.TableSpool' )->insert( $this->items( 3 ) );
		$this->assertSame( self::done(), $this->serve( $worker, [ [] ] )[1] );
		$this->assertCount( 3, $this->kept() );
		$this->service( 'Auwai.TableSpool' )->insert( $this->items( 2 ) );
		$this->assertSame( [ self::done() ], $this->serve( $worker, [] ), 'a request without jobs always does' );
		$this->assertCount( 5, $this->kept() );
	}

	public function testWithoutTheServiceItSaysWhoStartsIt() {
		$process = proc_open( [ PHP_BINARY, getenv( 'AUWAI_TEST_EXTENSION' ) . '/maintenance/worker.php' ],
			[ [ 'pipe', 'r' ], [ 'pipe', 'w' ], [ 'pipe', 'w' ] ], $pipes, null,
			[ 'MW_CONFIG_FILE' => getenv( 'AUWAI_WIKI_CONFIG' ) ] + getenv() );
		$output = stream_get_contents( $pipes[1] ) . stream_get_contents( $pipes[2] );
		$this->assertNotSame( 0, proc_close( $process ) );
		$this->assertStringContainsString( 'File descriptor 3 is no pipe', $output );
	}
}
