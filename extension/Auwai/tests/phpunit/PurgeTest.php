<?php

use MediaWiki\MediaWikiServices;

/**
 * @covers \MediaWiki\Extension\Auwai\PurgeRelayer
 * @covers \MediaWiki\Extension\Auwai\ItemFactory
 */
class PurgeTest extends AuwaiTestCase {

	private function purge( string ...$urls ): bool {
		return MediaWikiServices::getInstance()->getEventRelayerGroup()->getRelayer( 'cdn-url-purges' )->notifyMulti(
			'cdn-url-purges', array_map( static function ( $url ) {
				return [ 'url' => $url, 'timestamp' => 1767323045.25 ];
			}, $urls ) );
	}

	public function testAPurgeHasTheBytesOfEventBus() {
		$this->assertTrue( $this->purge( 'http://wiki.example/wiki/Zürich?a=b&c' ) );
		$request = $this->requests( '/v1/events' )[0];
		$event = $request['json'][0];
		$this->assertMatchesRegularExpression(
			'/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/', $event['meta']['id'] );
		$this->assertSame( '[{"$schema":"/resource_change/1.0.0","meta":{"uri":"http://wiki.example/wiki/Zürich?a=b&c",' .
			"\"request_id\":\"{$event['meta']['request_id']}\",\"id\":\"{$event['meta']['id']}\"," .
			'"dt":"2026-01-02T03:04:05Z","domain":"127.0.0.1","stream":"resource-purge"},"tags":["mediawiki"]}]',
			$request['body'] );
		$this->assertSame( 'application/json', $request['headers']['content-type'] );
	}

	public function testCoresOwnPurgesArrive() {
		$urls = [ 'http://127.0.0.1/wiki/A', 'http://127.0.0.1/wiki/B' ];
		CdnCacheUpdate::purge( $urls );
		$this->assertSame( $urls, array_map( static function ( $event ) {
			return $event['meta']['uri'];
		}, $this->requests( '/v1/events' )[0]['json'] ) );
	}

	public function testPurgesAreSpooledInOrderWithJobs() {
		$this->script( [ 'path' => '/v1/events', 'status' => 503, 'body' => '' ] );
		$this->assertTrue( $this->purge( 'http://127.0.0.1/wiki/A' ) );
		$this->group()->push( new JobSpecification( 'null', [] ) );
		$this->assertSame( [ 'event', 'job' ], array_column( $this->rows(), 'kind' ) );
		$this->assertSame( 2, $this->drainer()->drain( 9 )->sent );
		$requests = $this->requests();
		$this->assertSame( [ '/v1/events', '/v1/events', '/v1/jobs' ], array_column( $requests, 'uri' ) );
		$this->assertSame( $requests[0]['body'], $requests[1]['body'] );
	}

	public function testAnInvalidEventIsSetAsideAndAFailedOneTriedAgain() {
		$ids = [];
		$items = [];
		foreach ( [ 'A', 'B', 'C' ] as $page ) {
			$ids[] = MediaWikiServices::getInstance()->getGlobalIdGenerator()->newUUIDv4();
			$items[] = $this->service( 'Auwai.ItemFactory' )->purge( "http://127.0.0.1/wiki/$page", 1767323045.0, end( $ids ) );
		}
		$this->script( [ 'path' => '/v1/events', 'status' => 207, 'body' => [
			'invalid' => [ [ 'status' => 'invalid', 'event' => [ 'meta' => [ 'id' => $ids[1] ] ],
				'context' => [ 'errors' => [], 'errorsText' => 'data should not' ] ] ],
			'error' => [ [ 'status' => 'error', 'event' => [ 'meta' => [ 'id' => $ids[2] ] ], 'context' => [ 'message' => 'later' ] ] ],
		] ] );
		$this->outbox()->add( $items );
		$rows = $this->rows();
		$this->assertSame( [ $ids[1], $ids[2] ], array_column( $rows, 'key' ) );
		$this->assertSame( [ true, false ], array_column( $rows, 'set_aside' ) );
		$this->assertSame( [ 'data should not', 'later' ], array_column( $rows, 'error' ) );
	}

	public function testPurgesOfATransactionFollowItsCommit() {
		$this->lbFactory()->beginPrimaryChanges( __METHOD__ );
		$this->writeSomething();
		$this->purge( 'http://127.0.0.1/wiki/A' );
		$this->assertSame( [], $this->requests() );
		$this->lbFactory()->commitPrimaryChanges( __METHOD__ );
		$this->assertCount( 1, $this->requests( '/v1/events' ) );
		$this->assertSame( [], $this->rows() );
	}
}
