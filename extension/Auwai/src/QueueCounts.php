<?php

namespace MediaWiki\Extension\Auwai;

/**
 * What the Auwai service holds for wikis: one request for all queues of a wiki.
 *
 * @license GPL-2.0-or-later
 */
class QueueCounts {
	/** Seconds for which an answer, or that there was none, is used again by this process. */
	private const KEEP_SECONDS = 5;

	private const PAGE = 1000;

	/** @var Client */
	private $client;

	/** @var array[] Wiki => [ time, rows by queue or null, error ] */
	private $known = [];

	/**
	 * @param Client $client
	 */
	public function __construct( Client $client ) {
		$this->client = $client;
	}

	/**
	 * @param string $wiki
	 * @return array[] Queue => row with ready, delayed, blocked, running, dead. A queue without
	 *  any job has no row.
	 * @throws \JobQueueConnectionError If the service does not say. A wrong 0 would do more harm.
	 */
	public function forWiki( string $wiki ): array {
		$now = microtime( true );
		if ( !isset( $this->known[$wiki] ) || $now - $this->known[$wiki][0] > self::KEEP_SECONDS ) {
			$this->known[$wiki] = array_merge( [ $now ], $this->fetch( $wiki ) );
		}
		[ , $rows, $error ] = $this->known[$wiki];
		if ( $rows === null ) {
			throw new \JobQueueConnectionError( "The Auwai service does not tell the sizes of queues: $error" );
		}
		return $rows;
	}

	public function forget(): void {
		$this->known = [];
	}

	/**
	 * @param string $wiki
	 * @return array Rows or null, error
	 */
	private function fetch( string $wiki ): array {
		$rows = [];
		$cursor = '';
		do {
			$reply = $this->client->get( '/v1/queues?' . http_build_query(
				[ 'wiki' => $wiki, 'limit' => self::PAGE ] + ( $cursor === '' ? [] : [ 'cursor' => $cursor ] ) ) );
			$page = $reply->json();
			if ( $reply->status !== 200 || !is_array( $page['queues'] ?? null ) ) {
				return [ null, $reply->describe() ];
			}
			foreach ( $page['queues'] as $row ) {
				if ( ( $row['wiki'] ?? '' ) === $wiki ) {
					$rows[(string)$row['queue']] = $row;
				}
			}
			$before = $cursor;
			$cursor = (string)( $page['cursor'] ?? '' );
		} while ( $cursor !== '' && $cursor !== $before );
		return [ $rows, '' ];
	}
}
