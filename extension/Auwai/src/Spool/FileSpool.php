<?php

namespace MediaWiki\Extension\Auwai\Spool;

use MediaWiki\Extension\Auwai\Item;
use MediaWiki\Extension\Auwai\Text;
use RuntimeException;

/**
 * The spool as a file, for a wiki whose table is absent or cannot be written.
 *
 *   <wiki>.jsonl      what waits, one item a line, appended under a lock of the file
 *   <wiki>.draining   what a drain has taken, and <wiki>.position, how far it has come
 *   <wiki>.aside      what the service refused, and lines that cannot be read
 *   <wiki>.lock       held by the process that drains
 *
 * A drain that dies leaves its file behind, and the next one goes on from the last position: it
 * sends a page again at most, and the ids of the items prevent doubles.
 *
 * @license GPL-2.0-or-later
 */
class FileSpool {
	/** Refusals after which an item is set aside. */
	private const MAX_REFUSALS = 12;

	/** @var string */
	private $directory;

	/** @var string Path and start of the names of all files */
	private $prefix;

	/** @var resource|null */
	private $lock = null;

	/** @var int[] Key => how often the items of this page were refused before */
	private $refusals = [];

	/** @var string[] Lines of this page that cannot be read, as lines to set aside */
	private $broken = [];

	/** @var int Position behind this page */
	private $behind = 0;

	/**
	 * @param string $directory Empty for none
	 * @param string $wiki Name of the wiki
	 */
	public function __construct( string $directory, string $wiki ) {
		$this->directory = $directory;
		$this->prefix = $directory . '/' . rawurlencode( $wiki );
	}

	/**
	 * @return bool Whether there is a folder for files
	 */
	public function exists(): bool {
		return $this->directory !== '';
	}

	/**
	 * @param Item[] $items
	 * @throws RuntimeException If they are not on the disk for certain
	 */
	public function append( array $items ): void {
		$this->write( '.jsonl', array_map( static function ( Item $item ) {
			return self::line( $item, [] );
		}, $items ) );
	}

	/**
	 * @return bool Whether anything waits
	 */
	public function hasDue(): bool {
		return $this->exists() &&
			( file_exists( $this->prefix . '.jsonl' ) || file_exists( $this->prefix . '.draining' ) );
	}

	/**
	 * Become the only process that drains.
	 *
	 * @return bool
	 */
	public function lock(): bool {
		if ( !$this->exists() || !is_dir( $this->directory ) ) {
			return false;
		}
		$handle = $this->open( '.lock', 'c' );
		if ( !flock( $handle, LOCK_EX | LOCK_NB ) ) {
			fclose( $handle );
			return false;
		}
		$this->lock = $handle;
		return true;
	}

	public function unlock(): void {
		if ( $this->lock ) {
			fclose( $this->lock );
			$this->lock = null;
		}
	}

	/**
	 * Make what waits ready to be read page by page. REQUIRES: lock().
	 *
	 * @return bool Whether there is anything
	 */
	public function begin(): bool {
		if ( file_exists( $this->prefix . '.draining' ) ) {
			return true;
		}
		if ( !file_exists( $this->prefix . '.jsonl' ) ) {
			return false;
		}
		// Under its lock, so that no writer is in the middle of a line; a writer that waited finds
		// that the file has moved and opens a new one.
		$handle = $this->open( '.jsonl', 'c' );
		flock( $handle, LOCK_EX );
		$done = rename( $this->prefix . '.jsonl', $this->prefix . '.draining' );
		fclose( $handle );
		return $done;
	}

	/**
	 * The page of items at the position. REQUIRES: begin().
	 *
	 * @param int $maxItems
	 * @param int $maxBytes At least one line comes even if it is larger
	 * @return Item[] In order; may be empty although pages follow, if no line could be read
	 */
	public function page( int $maxItems, int $maxBytes ): array {
		$this->refusals = [];
		$this->broken = [];
		$this->behind = $this->position();
		$handle = $this->open( '.draining', 'r' );
		fseek( $handle, $this->behind );
		$items = [];
		$start = $this->behind;
		while ( count( $items ) < $maxItems && $this->behind - $start < $maxBytes ) {
			$text = fgets( $handle );
			if ( $text === false ) {
				break;
			}
			$this->behind += strlen( $text );
			$line = json_decode( $text, true );
			if ( isset( $line['kind'], $line['key'], $line['item'] ) ) {
				$items[] = new Item( $line['kind'], $line['key'], $line['item'] );
				$this->refusals[$line['key']] = $line['refusals'] ?? 0;
			} elseif ( trim( $text ) !== '' ) {
				$this->broken[] = json_encode( [
					'error' => 'This line cannot be read.', 'base64' => base64_encode( $text ),
				] ) . "\n";
			}
		}
		fclose( $handle );
		return $items;
	}

	/**
	 * Go on behind the page. REQUIRES: page(), and that its other items need not be sent again.
	 *
	 * @param Item[] $items Of the page
	 * @param string[] $refused Key => why the service did not take it this time
	 * @param string[] $invalid Key => why it never will
	 * @return bool[] More pages follow; something was set aside
	 */
	public function turn( array $items, array $refused, array $invalid ): array {
		$aside = $this->broken;
		$again = [];
		foreach ( $items as $item ) {
			$reason = $invalid[$item->key] ?? $refused[$item->key] ?? null;
			if ( $reason === null ) {
				continue;
			}
			$refusals = $this->refusals[$item->key] + 1;
			$line = self::line( $item, [ 'refusals' => $refusals, 'error' => Text::cut( $reason, 1000 ) ] );
			if ( isset( $invalid[$item->key] ) || $refusals >= self::MAX_REFUSALS ) {
				$aside[] = $line;
			} else {
				$again[] = $line;
			}
		}
		if ( $aside ) {
			$this->write( '.aside', $aside );
		}
		if ( $again ) {
			// Behind what waits: it comes again with the next drain.
			$this->write( '.jsonl', $again );
		}
		clearstatcache( true, $this->prefix . '.draining' );
		$more = $this->behind < filesize( $this->prefix . '.draining' );
		if ( $more ) {
			file_put_contents( $this->prefix . '.position.new', (string)$this->behind );
			rename( $this->prefix . '.position.new', $this->prefix . '.position' );
		} else {
			// The position first: were it left over, it would skip lines of the next file. A file
			// without a position is only sent again.
			$this->remove( '.position' );
			$this->remove( '.draining' );
		}
		return [ $more, (bool)$aside ];
	}

	/**
	 * @return int[] Numbers of lines: waiting, set_aside
	 */
	public function count(): array {
		return [
			'waiting' => $this->lines( '.jsonl', 0 ) + $this->lines( '.draining', $this->position() ),
			'set_aside' => $this->lines( '.aside', 0 ),
		];
	}

	/**
	 * Let what was set aside be sent again.
	 */
	public function retryAll(): void {
		if ( !$this->exists() || !file_exists( $this->prefix . '.aside' ) ) {
			return;
		}
		$broken = [];
		$handle = $this->open( '.aside', 'r' );
		while ( ( $text = fgets( $handle ) ) !== false ) {
			$line = json_decode( $text, true );
			if ( isset( $line['kind'], $line['key'], $line['item'] ) ) {
				$this->append( [ new Item( $line['kind'], $line['key'], $line['item'] ) ] );
			} else {
				$broken[] = $text;
			}
		}
		fclose( $handle );
		$this->remove( '.aside' );
		if ( $broken ) {
			$this->write( '.aside', $broken );
		}
	}

	/**
	 * @param string $suffix
	 * @param string[] $lines
	 */
	private function write( string $suffix, array $lines ): void {
		if ( !is_dir( $this->directory ) && !mkdir( $this->directory, 0700, true ) && !is_dir( $this->directory ) ) {
			throw new RuntimeException( "The folder {$this->directory} cannot be made." );
		}
		$file = $this->prefix . $suffix;
		do {
			$handle = $this->open( $suffix, 'a+' );
			flock( $handle, LOCK_EX );
			clearstatcache( true, $file );
			// A drain may have moved the file while this process waited for the lock.
			$same = file_exists( $file ) && fileinode( $file ) === fstat( $handle )['ino'];
			if ( !$same ) {
				fclose( $handle );
			}
		} while ( !$same );

		$text = implode( '', $lines );
		if ( fstat( $handle )['size'] > 0 ) {
			fseek( $handle, -1, SEEK_END );
			// A writer that died in the middle of its line must not spoil this one.
			$text = fread( $handle, 1 ) === "\n" ? $text : "\n$text";
		}
		$done = fwrite( $handle, $text ) === strlen( $text ) && fflush( $handle );
		// fsync() is of PHP 8.1; before, the text is with the kernel, which outlives this process.
		if ( $done && function_exists( 'fsync' ) ) {
			$done = fsync( $handle );
		}
		fclose( $handle );
		if ( !$done ) {
			throw new RuntimeException( "The file $file could not be written whole." );
		}
	}

	/**
	 * @param string $suffix
	 * @param string $mode
	 * @return resource
	 */
	private function open( string $suffix, string $mode ) {
		$file = $this->prefix . $suffix;
		$new = !file_exists( $file );
		// phpcs:ignore Generic.PHP.NoSilencedErrors
		$handle = @fopen( $file, $mode );
		if ( !$handle ) {
			throw new RuntimeException( "The file $file cannot be opened." );
		}
		if ( $new ) {
			// Jobs may hold what not every user of this machine should read. A script run by root
			// must leave files that the web server can go on with.
			chmod( $file, 0600 );
			// phpcs:ignore Generic.PHP.NoSilencedErrors
			@chown( $file, fileowner( $this->directory ) );
		}
		return $handle;
	}

	private function position(): int {
		$file = $this->prefix . '.position';
		return file_exists( $file ) ? (int)file_get_contents( $file ) : 0;
	}

	private function lines( string $suffix, int $from ): int {
		$count = 0;
		if ( $this->exists() && file_exists( $this->prefix . $suffix ) ) {
			$handle = $this->open( $suffix, 'r' );
			fseek( $handle, $from );
			while ( ( $text = fgets( $handle ) ) !== false ) {
				$count += trim( $text ) === '' ? 0 : 1;
			}
			fclose( $handle );
		}
		return $count;
	}

	private function remove( string $suffix ): void {
		if ( file_exists( $this->prefix . $suffix ) ) {
			unlink( $this->prefix . $suffix );
		}
	}

	private static function line( Item $item, array $more ): string {
		return json_encode( [ 'kind' => $item->kind, 'key' => $item->key ] + $more + [ 'item' => $item->json ],
			JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE ) . "\n";
	}
}
