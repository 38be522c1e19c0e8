<?php

namespace MediaWiki\Extension\Auwai;

/**
 * A long-lived process that runs jobs of its wiki for the Auwai service.
 *
 * Each line on the standard input is a request (see BatchRequest). Answers go to a descriptor of
 * their own, so that what jobs print does no harm:
 *
 *   {"ready":true,"wiki":…,"mediawiki":…,"php":…}    once, when the wiki is loaded
 *   a line for each job that was run, when it ended  see JobBatch
 *   {"done":true,"spool":…,"stopped":…,"reason":…,"leaving":…}   the request is over
 *
 * Before each job a mark goes to the standard output, so that the service knows which job printed
 * what, and whether any had begun when the process died: byte 0x1E, the job's place in the request,
 * a line feed.
 *
 * The process ends when its input ends, and by itself ("leaving") when a new one would be better:
 * settings have changed, memory is short, the connection to the database is lost. A request of which
 * it has run nothing then goes to the new one.
 *
 * @license GPL-2.0-or-later
 */
class Worker {
	public const STOPPED_CHANGED = 'changed';
	public const STOPPED_REQUEST = 'request';

	/** After these a new process can do what this one cannot. */
	private const LEAVE = [
		self::STOPPED_CHANGED, JobBatch::STOPPED_MEMORY, JobBatch::STOPPED_DATABASE,
	];

	/** Seconds between two looks into the spool, and seconds to spend on it. */
	private const DRAIN_EVERY = 1.0;
	private const DRAIN_SECONDS = 5.0;

	/** @var JobBatch */
	private $batch;

	/** @var Drainer */
	private $drainer;

	/** @var object ReadOnlyMode of core, whose namespace differs between versions */
	private $readOnlyMode;

	/** @var SettingsFiles */
	private $files;

	/** @var resource */
	private $in;

	/** @var resource */
	private $answers;

	/** @var resource */
	private $marks;

	/** @var float */
	private $lastDrain = 0.0;

	/** @var int */
	private $spool = 0;

	/** @var string */
	private $reason = '';

	/**
	 * @param JobBatch $batch
	 * @param Drainer $drainer
	 * @param object $readOnlyMode
	 * @param SettingsFiles $files
	 * @param resource[] $streams in: requests, answers, marks: the standard output
	 */
	public function __construct(
		JobBatch $batch, Drainer $drainer, $readOnlyMode, SettingsFiles $files, array $streams
	) {
		$this->batch = $batch;
		$this->drainer = $drainer;
		$this->readOnlyMode = $readOnlyMode;
		$this->files = $files;
		$this->in = $streams['in'];
		$this->answers = $streams['answers'];
		$this->marks = $streams['marks'];
	}

	/** Serve requests until the input ends or a new process would be better. */
	public function run(): void {
		$this->tell( [ 'ready' => true, 'wiki' => Compat::currentWikiId(), 'mediawiki' => MW_VERSION,
			'php' => PHP_VERSION ] );
		do {
			$line = fgets( $this->in );
		} while ( $line !== false && $this->serve( $line ) );
	}

	/**
	 * @param string $line
	 * @return bool Whether this process takes a further request
	 */
	private function serve( string $line ): bool {
		$start = microtime( true );
		$this->reason = '';
		$request = json_decode( $line, true );
		$fault = BatchRequest::fault( $request );
		if ( $fault !== null ) {
			$this->reason = $fault;
			return $this->end( self::STOPPED_REQUEST );
		}
		$stopped = $this->batch->run(
			$request['jobs'], $start + $request['max_time_s'],
			function ( array $line ): void {
				$this->tell( $line );
			},
			function ( int $i ): string {
				return $this->begin( $i );
			}
		);
		if ( !$request['jobs'] ) {
			$this->drain( (float)$request['max_time_s'] );
		} elseif ( $start - $this->lastDrain >= self::DRAIN_EVERY &&
			!in_array( $stopped, [ JobBatch::STOPPED_READONLY, JobBatch::STOPPED_DATABASE ], true )
		) {
			$this->drain( self::DRAIN_SECONDS );
		}
		return $this->end( $stopped );
	}

	/**
	 * Before each job: may it begin?
	 *
	 * @param int $i
	 * @return string One of the reasons to stop, or nothing
	 */
	private function begin( int $i ): string {
		$file = $this->files->changed( microtime( true ) );
		if ( $file !== null ) {
			$this->reason = "$file has changed";
			return self::STOPPED_CHANGED;
		}
		if ( $this->readOnlyMode->isReadOnly() ) {
			$this->reason = (string)$this->readOnlyMode->getReason();
			return JobBatch::STOPPED_READONLY;
		}
		fwrite( $this->marks, "\x1e$i\n" );
		fflush( $this->marks );
		return JobBatch::ALL_RUN;
	}

	private function drain( float $seconds ): void {
		$this->drainer->drain( $seconds );
		$this->spool = $this->drainer->waiting();
		$this->lastDrain = microtime( true );
	}

	/**
	 * @param string $stopped
	 * @return bool
	 */
	private function end( string $stopped ): bool {
		$leaving = in_array( $stopped, self::LEAVE, true ) || $this->batch->isShortOfMemory();
		$this->tell( [ 'done' => true, 'spool' => $this->spool, 'stopped' => $stopped,
			'reason' => $this->reason, 'leaving' => $leaving ] );
		return !$leaving;
	}

	/**
	 * @param array $line
	 */
	private function tell( array $line ): void {
		fwrite( $this->answers, BatchRequest::line( $line ) );
		fflush( $this->answers );
	}
}
