<?php

namespace MediaWiki\Extension\Auwai;

use Psr\Log\LoggerInterface;
use Throwable;
use Wikimedia\Rdbms\DBConnectionError;
use Wikimedia\Rdbms\DBError;
use Wikimedia\Rdbms\DBReadOnlyError;
use Wikimedia\Rdbms\ILBFactory;

/**
 * Runs jobs one after the other, as the Auwai service hands them over, and tells each outcome as
 * soon as it is known.
 *
 * Before each job but the first it looks whether time, memory or the database stand in the way;
 * what is not reached goes back to the service, which hands it over again.
 *
 * @license GPL-2.0-or-later
 */
class JobBatch {
	/** Why a batch ended before its last job. */
	public const ALL_RUN = '';
	public const STOPPED_TIME = 'time';
	public const STOPPED_MEMORY = 'memory';
	public const STOPPED_READONLY = 'readonly';
	public const STOPPED_DATABASE = 'database';
	public const STOPPED_LAG = 'lag';
	public const STOPPED_CLIENT = 'client';

	/** Part of the memory limit above which no further job is begun. */
	private const MEMORY_SHARE = 0.8;

	/** Seconds between two looks at replication, and seconds to wait for it: those of runJobs.php. */
	private const LAG_CHECK_SECONDS = 1.0;
	private const LAG_WAIT_SECONDS = 3;

	/** @var object JobRunner of core, whose namespace differs between versions */
	private $runner;

	/** @var ILBFactory */
	private $lbFactory;

	/** @var LoggerInterface */
	private $logger;

	/** @var int Seconds for one job, 0 for no limit */
	private $jobTimeLimit;

	/** @var Cause */
	private $cause;

	/** @var float Unix time of the last look at replication: a process may run many batches */
	private $lastLagCheck;

	/**
	 * @param object $runner JobRunner of core
	 * @param ILBFactory $lbFactory
	 * @param LoggerInterface $logger
	 * @param int $jobTimeLimit Seconds for one job, 0 for no limit
	 * @param Cause $cause
	 */
	public function __construct(
		$runner, ILBFactory $lbFactory, LoggerInterface $logger, int $jobTimeLimit, Cause $cause
	) {
		$this->runner = $runner;
		$this->lbFactory = $lbFactory;
		$this->logger = $logger;
		$this->jobTimeLimit = $jobTimeLimit;
		$this->cause = $cause;
		$this->lastLagCheck = microtime( true );
	}

	/**
	 * @param array[] $jobs id, payload {type, params}, and request_id and cause if known
	 * @param float $deadline Unix time after which no further job is begun
	 * @param callable $tell Gets the outcome of each job, see one()
	 * @param callable|null $begin Given by a worker process: gets the index of each job before it
	 *  begins and returns a reason to stop, or ''. The first job can be left over too then, and what
	 *  jobs print is not held back.
	 * @return string One of the constants, or what $begin returned
	 */
	public function run( array $jobs, float $deadline, callable $tell, ?callable $begin = null ): string {
		foreach ( $jobs as $i => $job ) {
			$stop = self::ALL_RUN;
			if ( $i > 0 || $begin ) {
				$stop = $this->reasonToStop( $deadline );
			}
			if ( $stop === self::ALL_RUN && $begin ) {
				$stop = $begin( $i );
			}
			if ( $stop !== self::ALL_RUN ) {
				return $stop;
			}
			$outcome = $this->one( $job, $begin !== null );
			$tell( $outcome );
			if ( $outcome['readonly'] ) {
				return self::STOPPED_READONLY;
			}
			if ( self::anyIsA( $outcome['caught'], [ DBConnectionError::class ] ) ) {
				// Core does not reconnect: every further job would fail for the same reason.
				return self::STOPPED_DATABASE;
			}
		}
		return self::ALL_RUN;
	}

	/**
	 * @param array $job
	 * @param bool $mayPrint
	 * @return array The outcome: id, ok, error (text or null), caught (class names), retry (whether
	 *  it makes sense to try again), time_ms, readonly, and permanent if the job cannot even be made
	 */
	private function one( array $job, bool $mayPrint ): array {
		$outcome = [
			'id' => $job['id'], 'ok' => false, 'error' => null, 'caught' => [], 'retry' => true,
			'time_ms' => 0, 'readonly' => false,
		];
		$start = microtime( true );
		Compat::restartTimeLimit( $this->jobTimeLimit );
		$level = ob_get_level();
		if ( !$mayPrint ) {
			// What a job prints must not get between the lines of the answer, also when it exits.
			ob_start( static function () {
				return '';
			}, 4096 );
		}
		try {
			$runnable = Payload::toJob( $job['payload'], $job['request_id'] ?? '' );
			$result = $this->cause->during( $job['cause'] ?? '', function () use ( $runnable ) {
				return $this->runner->executeJob( $runnable );
			} );
			$outcome['ok'] = $result['status'] !== false;
			$outcome['error'] = $outcome['ok'] ? null : ( $result['error'] ?: 'The job returned false and gave no reason.' );
			$outcome['caught'] = array_values( $result['caught'] );
			$outcome['retry'] = (bool)$runnable->allowRetries();
		} catch ( DBError $e ) {
			$outcome['error'] = get_class( $e ) . ': ' . $e->getMessage();
			$outcome['caught'] = [ get_class( $e ) ];
		} catch ( Throwable $e ) {
			// executeJob() catches what jobs throw: this one could not be made, nor will it ever.
			$outcome['error'] = "Job of type '{$job['payload']['type']}' cannot be made: " .
				get_class( $e ) . ': ' . $e->getMessage();
			$outcome['caught'] = [ get_class( $e ) ];
			$outcome['retry'] = false;
			$outcome['permanent'] = true;
		} finally {
			while ( ob_get_level() > $level && ( $mayPrint ? ob_end_flush() : ob_end_clean() ) ) {
				continue;
			}
		}
		$outcome['readonly'] = self::anyIsA( $outcome['caught'], [ DBReadOnlyError::class, 'ReadOnlyError' ] );
		$outcome['time_ms'] = (int)round( ( microtime( true ) - $start ) * 1000 );
		if ( !$outcome['ok'] ) {
			$this->logger->warning( 'Job {type} {id} failed: {error}', [
				'type' => $job['payload']['type'], 'id' => $job['id'], 'error' => $outcome['error'],
			] );
			$outcome['error'] = Text::cut( $outcome['error'], 8000 );
		}
		return $outcome;
	}

	/**
	 * @param float $deadline
	 * @return string
	 */
	private function reasonToStop( float $deadline ): string {
		$now = microtime( true );
		if ( connection_aborted() ) {
			return self::STOPPED_CLIENT;
		}
		if ( $now >= $deadline ) {
			return self::STOPPED_TIME;
		}
		if ( $this->isShortOfMemory() ) {
			return self::STOPPED_MEMORY;
		}
		if ( $now - $this->lastLagCheck >= self::LAG_CHECK_SECONDS ) {
			$caughtUp = $this->lbFactory->waitForReplication(
				[ 'ifWritesSince' => $this->lastLagCheck, 'timeout' => self::LAG_WAIT_SECONDS ] );
			$this->lastLagCheck = microtime( true );
			if ( !$caughtUp ) {
				return self::STOPPED_LAG;
			}
		}
		return self::ALL_RUN;
	}

	/**
	 * @return bool Whether so little memory is left that no further job should begin
	 */
	public function isShortOfMemory(): bool {
		$limit = self::memoryLimit();
		return $limit > 0 && memory_get_usage() > self::MEMORY_SHARE * $limit;
	}

	/**
	 * @return int Bytes, 0 or less for none
	 */
	private static function memoryLimit(): int {
		$text = strtolower( trim( (string)ini_get( 'memory_limit' ) ) );
		$units = [ 'k' => 1 << 10, 'm' => 1 << 20, 'g' => 1 << 30 ];
		return (int)$text * ( $units[substr( $text, -1 )] ?? 1 );
	}

	/**
	 * @param string[] $classes
	 * @param string[] $parents
	 * @return bool
	 */
	private static function anyIsA( array $classes, array $parents ): bool {
		foreach ( $classes as $class ) {
			foreach ( $parents as $parent ) {
				if ( is_a( $class, $parent, true ) ) {
					return true;
				}
			}
		}
		return false;
	}
}
