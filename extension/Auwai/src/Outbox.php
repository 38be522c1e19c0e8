<?php

namespace MediaWiki\Extension\Auwai;

use MediaWiki\Extension\Auwai\Spool\FileSpool;
use MediaWiki\Extension\Auwai\Spool\TableSpool;
use Psr\Log\LoggerInterface;
use RuntimeException;
use Wikimedia\Rdbms\DBError;
use Wikimedia\Rdbms\IDatabase;
use Wikimedia\Rdbms\ILBFactory;

/**
 * The way of jobs and events out of MediaWiki. What add() took is never lost, as far as this wiki
 * can help it, and never runs before, or without, the data that it is about.
 *
 * When it is sent:
 *
 *  - No transaction is open: at once. If that fails, it goes to the spool.
 *  - A transaction, or a transaction round, is open: just before it commits, the items are written
 *    to the spool table in that very transaction, so that they are kept or rolled back with the
 *    edit; just after it has committed, they are sent and their rows deleted. A process that dies
 *    in between leaves the rows to the next drain. If the transaction has written nothing, there
 *    is nothing to be consistent with and no row is written: such a transaction either ends, and
 *    the items are sent, or the request dies with no trace of itself. So the price of an extra
 *    row is paid only by pushes that go along with writes.
 *
 * Everything that one transaction queued leaves in one request.
 *
 * When sending fails: the process does not try again for some seconds (in a web request: not at
 * all), but goes to the spool straight away, so an unreachable service costs a request one
 * connection time-out and no more.
 *
 * Order: while the spool has items that wait, new ones queue up behind them.
 *
 * Doubles: the ids of items are minted before the first try, and are the same in every later one.
 *
 * @license GPL-2.0-or-later
 */
class Outbox {
	/** Seconds for which a row belongs to the process that wrote it with its transaction. */
	private const OWN_ROW_SECONDS = 15;

	/** Seconds for which a process does not try to send after it failed once. */
	private const PAUSE_AFTER_FAILURE = 30;

	/** Seconds that a push spends on what older pushes left behind. */
	private const DRAIN_SECONDS = 2.0;

	/** Seconds between two looks into the spool by one process. */
	private const LOOK_SECONDS = 15;

	/** @var Sender */
	private $sender;

	/** @var TableSpool */
	private $table;

	/** @var FileSpool */
	private $file;

	/** @var Drainer */
	private $drainer;

	/** @var ILBFactory */
	private $lbFactory;

	/** @var LoggerInterface */
	private $logger;

	/** @var array|null The transaction that is about to commit: begun, spooled, unspooled */
	private $committing = null;

	/** @var float Time before which this process does not try to send */
	private $pausedUntil = 0.0;

	/** @var float Time of the next look into the spool */
	private $nextLook = 0.0;

	/**
	 * @param Sender $sender
	 * @param TableSpool $table
	 * @param FileSpool $file
	 * @param Drainer $drainer
	 * @param ILBFactory $lbFactory
	 * @param LoggerInterface $logger
	 */
	public function __construct(
		Sender $sender, TableSpool $table, FileSpool $file, Drainer $drainer,
		ILBFactory $lbFactory, LoggerInterface $logger
	) {
		$this->sender = $sender;
		$this->table = $table;
		$this->file = $file;
		$this->drainer = $drainer;
		$this->lbFactory = $lbFactory;
		$this->logger = $logger;
	}

	/**
	 * @param Item[] $items
	 * @throws RuntimeException If they can neither be sent nor spooled
	 * @throws DBError From the transaction that is open, if they cannot be spooled in it
	 */
	public function add( array $items ): void {
		if ( !$items ) {
			return;
		}
		try {
			$dbw = $this->lbFactory->getMainLB()->getConnection( DB_PRIMARY );
			$open = $dbw->trxLevel() || $this->lbFactory->hasTransactionRound();
		} catch ( DBError $e ) {
			// No database: no transaction either.
			$open = false;
		}
		if ( !$open ) {
			$this->deliver( [], $items );
			return;
		}
		// On this path a cancelled atomic section drops the callback, and with it the items.
		$dbw->onTransactionPreCommitOrIdle( function () use ( $dbw, $items ) {
			$this->beforeCommit( $dbw, $items );
		}, __METHOD__ );
	}

	/**
	 * Forget that sending failed before, as a new request would.
	 */
	public function reset(): void {
		$this->pausedUntil = 0.0;
		$this->nextLook = 0.0;
	}

	/**
	 * @param IDatabase $dbw
	 * @param Item[] $items
	 */
	private function beforeCommit( $dbw, array $items ): void {
		$begun = $dbw->trxTimestamp();
		// What an earlier transaction left here, since nobody told how it ended, is not of this one.
		if ( $this->committing === null || $this->committing['begun'] !== $begun ) {
			$this->committing = [ 'begun' => $begun, 'spooled' => [], 'unspooled' => [] ];
			$dbw->onTransactionResolution( function ( $trigger ) {
				$committing = $this->committing;
				$this->committing = null;
				if ( $trigger !== IDatabase::TRIGGER_ROLLBACK ) {
					$this->afterCommit( $committing['spooled'], $committing['unspooled'] );
				}
			}, __METHOD__ );
		}
		$how = 'unspooled';
		if ( $dbw->writesPending() && $this->table->exists() ) {
			$this->table->insertInTransaction( $dbw, $items, self::OWN_ROW_SECONDS );
			$how = 'spooled';
		}
		$this->committing[$how] = array_merge( $this->committing[$how], $items );
	}

	/**
	 * @param Item[] $spooled Items that have a row in the table
	 * @param Item[] $unspooled Items that are nowhere else
	 */
	private function afterCommit( array $spooled, array $unspooled ): void {
		try {
			$this->deliver( $spooled, $unspooled );
		} catch ( RuntimeException $e ) {
			// It is logged, and what it is about is done: an exception here would only keep others
			// from what they do after this commit.
			return;
		}
	}

	/**
	 * @param Item[] $spooled Items that have a row in the table
	 * @param Item[] $unspooled Items that are nowhere else
	 */
	private function deliver( array $spooled, array $unspooled ): void {
		$now = microtime( true );
		if ( $now < $this->pausedUntil ) {
			// Its rows come due with those that follow, so that the order stays.
			$this->release( $spooled );
			$this->spool( $unspooled );
			return;
		}
		if ( $this->othersWait( $now ) ) {
			$this->spool( $unspooled );
			$this->release( $spooled );
			$this->drain();
			return;
		}
		$result = $this->sender->send( array_merge( $spooled, $unspooled ) );
		if ( $result->failure !== null ) {
			$this->pause( $result->failure );
		}
		$accepted = array_flip( $result->accepted );
		$left = static function ( Item $item ) use ( $accepted ) {
			return !isset( $accepted[$item->key] );
		};
		$this->release( array_values( array_filter( $spooled, $left ) ) );
		$this->spool( array_values( array_filter( $unspooled, $left ) ) );
		try {
			if ( $spooled ) {
				$this->table->delete( array_intersect( self::keys( $spooled ), $result->accepted ) );
			}
			$this->noteRefusals( $result );
		} catch ( DBError $e ) {
			// The rows stay and are sent again; the service knows their ids.
			$this->logger->warning( 'The spool could not be tidied up: {error}', [ 'error' => $e->getMessage() ] );
		}
	}

	/**
	 * Items that the service refuses are in the spool by now, which remembers why.
	 *
	 * @param SendResult $result
	 */
	private function noteRefusals( SendResult $result ): void {
		foreach ( $result->refused + $result->invalid as $key => $reason ) {
			$this->logger->error( 'The Auwai service refuses the item {key}: {reason}',
				[ 'key' => $key, 'reason' => $reason ] );
		}
		if ( $this->table->exists() ) {
			$this->table->refuse( $result->refused, false );
			$this->table->refuse( $result->invalid, true );
		}
	}

	/**
	 * @param float $now
	 * @return bool Whether the spool holds what anyone may send
	 */
	private function othersWait( float $now ): bool {
		if ( $now < $this->nextLook ) {
			return false;
		}
		$this->nextLook = $now + self::LOOK_SECONDS;
		try {
			return ( $this->table->exists() && $this->table->hasDue() ) || $this->file->hasDue();
		} catch ( DBError $e ) {
			return $this->file->hasDue();
		}
	}

	private function drain(): void {
		$report = $this->drainer->drain( self::DRAIN_SECONDS );
		if ( $report->failure !== null ) {
			$this->pause( $report->failure );
		} elseif ( $report->more ) {
			// The next push of this process goes on.
			$this->nextLook = 0.0;
		}
	}

	/**
	 * @param Item[] $items
	 */
	private function release( array $items ): void {
		try {
			if ( $items ) {
				$this->table->release( self::keys( $items ) );
			}
		} catch ( DBError $e ) {
			// They come due by themselves a little later.
			$this->logger->info( 'Spooled items could not be released: {error}', [ 'error' => $e->getMessage() ] );
		}
	}

	/**
	 * @param Item[] $items
	 */
	private function spool( array $items ): void {
		if ( !$items ) {
			return;
		}
		$why = 'the table auwai_spool does not exist (run update.php)';
		try {
			if ( $this->table->exists() ) {
				$this->table->insert( $items );
				return;
			}
		} catch ( DBError $e ) {
			$why = $e->getMessage();
		}
		try {
			if ( !$this->file->exists() ) {
				throw new RuntimeException( '$wgAuwaiSpoolDirectory is not set' );
			}
			$this->file->append( $items );
		} catch ( RuntimeException $e ) {
			$this->logger->error( '{count} items are lost: the Auwai service is away; {table}; {file}', [
				'count' => count( $items ), 'table' => $why, 'file' => $e->getMessage(),
			] );
			throw new RuntimeException( count( $items ) . ' items could not be sent to the Auwai service and not be ' .
				"spooled: $why; " . $e->getMessage(), 0, $e );
		}
	}

	private function pause( string $failure ): void {
		$this->pausedUntil = microtime( true ) + self::PAUSE_AFTER_FAILURE;
		$this->logger->warning( 'The Auwai service did not take what was sent; it is spooled. {failure}',
			[ 'failure' => $failure ] );
	}

	/**
	 * @param Item[] $items
	 * @return string[]
	 */
	private static function keys( array $items ): array {
		return array_map( static function ( Item $item ) {
			return $item->key;
		}, $items );
	}
}
