<?php

namespace MediaWiki\Extension\Auwai\Spool;

use MediaWiki\Extension\Auwai\Item;
use MediaWiki\Extension\Auwai\Text;
use Wikimedia\Rdbms\IDatabase;
use Wikimedia\Rdbms\ILBFactory;

/**
 * The spool as a table of the wiki, so that what it holds commits or rolls back with the edit.
 *
 * All methods but insertInTransaction() commit at once. REQUIRES for them: no open transaction.
 *
 * A row waits (state 0) until the service has confirmed it, and is then deleted. It is sent by
 * others only from its due time on: a row written in a transaction is left for some seconds to
 * the process that wrote it. What the service refused comes due later and later, and is set
 * aside (state 1) in the end, or at once if the service will never take it.
 *
 * @license GPL-2.0-or-later
 */
class TableSpool {
	private const TABLE = 'auwai_spool';
	private const WAITS = 0;
	private const SET_ASIDE = 1;

	/** Rows and bytes of one INSERT, well below the smallest packet limit in use. */
	private const INSERT_ROWS = 100;
	private const INSERT_BYTES = 500000;

	/** Refusals after which a row is set aside: with the waits between them about 9 hours. */
	private const MAX_REFUSALS = 12;
	private const FIRST_WAIT = 30;
	private const LONGEST_WAIT = 3600;

	/** @var ILBFactory */
	private $lbFactory;

	/** @var string */
	private $wiki;

	/** @var bool|null Whether the table exists, once known */
	private $exists = null;

	/**
	 * @param ILBFactory $lbFactory
	 * @param string $wiki Name of the wiki
	 */
	public function __construct( ILBFactory $lbFactory, string $wiki ) {
		$this->lbFactory = $lbFactory;
		$this->wiki = $wiki;
	}

	/**
	 * @return bool Whether the table exists. Asked once in a process, since a failed query would
	 *  spoil the transaction it happens in.
	 */
	public function exists(): bool {
		if ( $this->exists === null ) {
			$this->exists = (bool)$this->autocommit( static function ( $dbw ) {
				return $dbw->tableExists( self::TABLE, __METHOD__ );
			} );
		}
		return $this->exists;
	}

	/**
	 * @param Item[] $items Sent by anyone from now on
	 */
	public function insert( array $items ): void {
		$this->autocommit( function ( $dbw ) use ( $items ) {
			$this->insertInTransaction( $dbw, $items, 0 );
		} );
	}

	/**
	 * @param IDatabase $dbw With or without an open transaction
	 * @param Item[] $items
	 * @param int $delay Seconds until others may send them
	 */
	public function insertInTransaction( $dbw, array $items, int $delay ): void {
		$now = time();
		$rows = [];
		$bytes = 0;
		foreach ( $items as $item ) {
			$rows[] = [
				'sp_kind' => $item->kind,
				'sp_key' => $item->key,
				'sp_item' => $item->json,
				'sp_bytes' => strlen( $item->json ),
				'sp_created' => $dbw->timestamp( $now ),
				'sp_due' => $dbw->timestamp( $now + $delay ),
			];
			$bytes += strlen( $item->json );
			if ( count( $rows ) >= self::INSERT_ROWS || $bytes >= self::INSERT_BYTES ) {
				$dbw->insert( self::TABLE, $rows, __METHOD__ );
				$rows = [];
				$bytes = 0;
			}
		}
		if ( $rows ) {
			$dbw->insert( self::TABLE, $rows, __METHOD__ );
		}
	}

	/**
	 * @param string[] $keys
	 */
	public function delete( array $keys ): void {
		$this->autocommit( static function ( $dbw ) use ( $keys ) {
			foreach ( array_chunk( $keys, 500 ) as $chunk ) {
				$dbw->delete( self::TABLE, [ 'sp_key' => $chunk ], __METHOD__ );
			}
		} );
	}

	/**
	 * Let anyone send these rows now.
	 *
	 * @param string[] $keys
	 */
	public function release( array $keys ): void {
		$this->autocommit( static function ( $dbw ) use ( $keys ) {
			foreach ( array_chunk( $keys, 500 ) as $chunk ) {
				$dbw->update( self::TABLE, [ 'sp_due' => $dbw->timestamp() ], [ 'sp_key' => $chunk ], __METHOD__ );
			}
		} );
	}

	/**
	 * @param string[] $reasons Key => why the service did not take it this time
	 * @param bool $final Whether it never will
	 * @return int How many are set aside by this
	 */
	public function refuse( array $reasons, bool $final ): int {
		$aside = 0;
		$this->autocommit( function ( $dbw ) use ( $reasons, $final, &$aside ) {
			foreach ( $reasons as $key => $reason ) {
				$aside += $this->refuseOne( $dbw, (string)$key, $reason, $final );
			}
		} );
		return $aside;
	}

	/**
	 * @return bool Whether rows wait that anyone may send
	 */
	public function hasDue(): bool {
		return $this->autocommit( static function ( $dbw ) {
			return $dbw->selectField( self::TABLE, 'sp_id', self::dueConds( $dbw ), __METHOD__ ) !== false;
		} );
	}

	/**
	 * @param int $maxItems
	 * @param int $maxBytes At least one row comes even if it is larger
	 * @return Item[] The first rows that anyone may send, in order
	 */
	public function fetchDue( int $maxItems, int $maxBytes ): array {
		return $this->autocommit( static function ( $dbw ) use ( $maxItems, $maxBytes ) {
			$ids = [];
			$bytes = 0;
			$heads = $dbw->select( self::TABLE, [ 'sp_id', 'sp_bytes' ], self::dueConds( $dbw ), __METHOD__,
				[ 'ORDER BY' => 'sp_id', 'LIMIT' => $maxItems ] );
			foreach ( $heads as $head ) {
				$bytes += (int)$head->sp_bytes;
				if ( $ids && $bytes > $maxBytes ) {
					break;
				}
				$ids[] = (int)$head->sp_id;
			}
			$items = [];
			$rows = $ids ? $dbw->select( self::TABLE, [ 'sp_kind', 'sp_key', 'sp_item' ], [ 'sp_id' => $ids ],
				__METHOD__, [ 'ORDER BY' => 'sp_id' ] ) : [];
			foreach ( $rows as $row ) {
				$items[] = new Item( $row->sp_kind, $row->sp_key, $row->sp_item );
			}
			return $items;
		} );
	}

	/**
	 * @return int[] Numbers of rows: waiting, set_aside
	 */
	public function count(): array {
		return $this->autocommit( static function ( $dbw ) {
			$counts = [];
			foreach ( [ 'waiting' => self::WAITS, 'set_aside' => self::SET_ASIDE ] as $name => $state ) {
				$counts[$name] = (int)$dbw->selectField(
					self::TABLE, 'COUNT(*)', [ 'sp_state' => $state ], __METHOD__ );
			}
			return $counts;
		} );
	}

	/**
	 * @param int $limit
	 * @return array[] The first rows: id, kind, key, bytes, created, due, set_aside, refusals, error, item
	 */
	public function show( int $limit ): array {
		$list = [];
		$rows = $this->autocommit( static function ( $dbw ) use ( $limit ) {
			return $dbw->select( self::TABLE, '*', [], __METHOD__, [ 'ORDER BY' => 'sp_id', 'LIMIT' => $limit ] );
		} );
		foreach ( $rows as $row ) {
			$list[] = [
				'id' => (int)$row->sp_id,
				'kind' => $row->sp_kind,
				'key' => $row->sp_key,
				'bytes' => (int)$row->sp_bytes,
				'created' => wfTimestamp( TS_ISO_8601, $row->sp_created ),
				'due' => wfTimestamp( TS_ISO_8601, $row->sp_due ),
				'set_aside' => (int)$row->sp_state === self::SET_ASIDE,
				'refusals' => (int)$row->sp_refusals,
				'error' => $row->sp_error,
				'item' => $row->sp_item,
			];
		}
		return $list;
	}

	/**
	 * Let everything be sent again, also what is set aside.
	 */
	public function retryAll(): void {
		$this->autocommit( static function ( $dbw ) {
			$dbw->update( self::TABLE, [
				'sp_state' => self::WAITS, 'sp_refusals' => 0, 'sp_due' => $dbw->timestamp(),
			], [ 'sp_id > 0' ], __METHOD__ );
		} );
	}

	/**
	 * Become the only process that drains this wiki's spool. It only keeps drains out of each
	 * other's way: were two at it, the ids of the items would still prevent doubles.
	 *
	 * @return bool
	 */
	public function lock(): bool {
		return $this->db()->lock( 'auwai-spool:' . $this->wiki, __METHOD__, 0 );
	}

	public function unlock(): void {
		$this->db()->unlock( 'auwai-spool:' . $this->wiki, __METHOD__ );
	}

	/**
	 * @param IDatabase $dbw
	 * @param string $key
	 * @param string $reason
	 * @param bool $final
	 * @return int 1 if it is set aside by this
	 */
	private function refuseOne( $dbw, string $key, string $reason, bool $final ): int {
		$row = $dbw->selectRow( self::TABLE, [ 'sp_refusals' ], [ 'sp_key' => $key ], __METHOD__ );
		if ( !$row ) {
			return 0;
		}
		$refusals = (int)$row->sp_refusals + 1;
		$state = $final || $refusals >= self::MAX_REFUSALS ? self::SET_ASIDE : self::WAITS;
		$wait = min( self::LONGEST_WAIT, self::FIRST_WAIT * 2 ** ( $refusals - 1 ) );
		$dbw->update( self::TABLE, [
			'sp_state' => $state,
			'sp_refusals' => $refusals,
			'sp_error' => Text::cut( $reason, 1000 ),
			'sp_due' => $dbw->timestamp( time() + $wait ),
		], [ 'sp_key' => $key ], __METHOD__ );
		return $state;
	}

	/**
	 * @param IDatabase $dbw
	 * @return array
	 */
	private static function dueConds( $dbw ): array {
		return [
			'sp_state' => self::WAITS,
			'sp_due <= ' . $dbw->addQuotes( $dbw->timestamp() ),
		];
	}

	/**
	 * Run queries that do not begin the transaction which a web request's first query begins
	 * otherwise: it would hold the rows, on SQLite the whole database, to the end of the request.
	 *
	 * @param callable $work Gets the connection
	 * @return mixed What $work returns
	 */
	private function autocommit( callable $work ) {
		$dbw = $this->db();
		$implicit = !$dbw->trxLevel() && $dbw->getFlag( DBO_TRX );
		if ( $implicit ) {
			$dbw->clearFlag( DBO_TRX );
		}
		try {
			return $work( $dbw );
		} finally {
			if ( $implicit ) {
				$dbw->setFlag( DBO_TRX );
			}
		}
	}

	/**
	 * @return IDatabase
	 */
	private function db() {
		return $this->lbFactory->getMainLB()->getConnection( DB_PRIMARY );
	}
}
