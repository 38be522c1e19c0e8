<?php

namespace MediaWiki\Extension\Auwai;

use MediaWiki\Extension\Auwai\Spool\FileSpool;
use MediaWiki\Extension\Auwai\Spool\TableSpool;
use Psr\Log\LoggerInterface;
use RuntimeException;
use Wikimedia\Rdbms\DBError;

/**
 * Sends what the spool holds, in order: first the table, then the file.
 *
 * One process at a time. A row is deleted only after the service has confirmed it. An item that
 * the service refuses does not hold up those behind it, and is never thrown away.
 *
 * REQUIRES: no open transaction; what is sent must be committed.
 *
 * @license GPL-2.0-or-later
 */
class Drainer {
	private const PAGE_ITEMS = 1000;
	private const PAGE_BYTES = 4000000;

	/** @var Sender */
	private $sender;

	/** @var TableSpool */
	private $table;

	/** @var FileSpool */
	private $file;

	/** @var LoggerInterface */
	private $logger;

	/**
	 * @param Sender $sender
	 * @param TableSpool $table
	 * @param FileSpool $file
	 * @param LoggerInterface $logger
	 */
	public function __construct(
		Sender $sender, TableSpool $table, FileSpool $file, LoggerInterface $logger
	) {
		$this->sender = $sender;
		$this->table = $table;
		$this->file = $file;
		$this->logger = $logger;
	}

	/**
	 * @param float $seconds Time after which no further request is begun
	 * @return DrainReport
	 */
	public function drain( float $seconds ): DrainReport {
		$report = new DrainReport();
		$deadline = microtime( true ) + $seconds;
		try {
			if ( $this->table->exists() && $this->table->hasDue() ) {
				$this->locked( $this->table, $report, function () use ( $report, $deadline ) {
					$this->drainTable( $report, $deadline );
				} );
			}
		} catch ( DBError $e ) {
			$report->failure = $e->getMessage();
		}
		try {
			if ( $report->failure === null && !$report->more && $this->file->hasDue() ) {
				$this->locked( $this->file, $report, function () use ( $report, $deadline ) {
					$this->drainFile( $report, $deadline );
				} );
			}
		} catch ( RuntimeException $e ) {
			$report->failure = $e->getMessage();
		}
		if ( $report->setAside ) {
			$this->logger->error( '{count} items are set aside in the spool: the Auwai service refuses them. ' .
				'maintenance/spool.php --show tells why.', [ 'count' => $report->setAside ] );
		}
		return $report;
	}

	/**
	 * @return int Items that wait, in both spools
	 */
	public function waiting(): int {
		$waiting = $this->file->count()['waiting'];
		return $waiting + ( $this->table->exists() ? $this->table->count()['waiting'] : 0 );
	}

	/**
	 * @param TableSpool|FileSpool $spool
	 * @param DrainReport $report
	 * @param callable $work
	 */
	private function locked( $spool, DrainReport $report, callable $work ): void {
		if ( !$spool->lock() ) {
			$report->busy = true;
			return;
		}
		try {
			$work();
		} finally {
			$spool->unlock();
		}
	}

	/**
	 * @param DrainReport $report
	 * @param float $deadline
	 */
	private function drainTable( DrainReport $report, float $deadline ): void {
		while ( true ) {
			$items = $this->table->fetchDue( self::PAGE_ITEMS, self::PAGE_BYTES );
			if ( !$items ) {
				return;
			}
			if ( microtime( true ) >= $deadline ) {
				$report->more = true;
				return;
			}
			$result = $this->sender->send( $items );
			$report->sent += count( $result->accepted );
			$this->table->delete( $result->accepted );
			$report->setAside += $this->table->refuse( $result->refused, false ) +
				$this->table->refuse( $result->invalid, true );
			if ( $result->failure !== null ) {
				$report->failure = $result->failure;
				return;
			}
		}
	}

	/**
	 * @param DrainReport $report
	 * @param float $deadline
	 */
	private function drainFile( DrainReport $report, float $deadline ): void {
		if ( !$this->file->begin() ) {
			return;
		}
		do {
			if ( microtime( true ) >= $deadline ) {
				$report->more = true;
				return;
			}
			$items = $this->file->page( self::PAGE_ITEMS, self::PAGE_BYTES );
			$result = $this->sender->send( $items );
			if ( $result->failure !== null ) {
				$report->failure = $result->failure;
				return;
			}
			$report->sent += count( $result->accepted );
			[ $more, $aside ] = $this->file->turn( $items, $result->refused, $result->invalid );
			$report->setAside += $aside;
		} while ( $more );
	}
}
