<?php

use MediaWiki\Extension\Auwai\Item;
use MediaWiki\Extension\Auwai\JobQueueAuwai;
use MediaWiki\Extension\Auwai\ParamCodec;
use MediaWiki\Extension\Auwai\Sender;
use MediaWiki\Extension\Auwai\Signature;

/**
 * The wire as both sides read it: api/fixtures/extension-*.json of the repository, which the tests
 * of the service replay too. REWRITE=1 writes the files anew from what the extension does.
 *
 * @coversNothing
 */
class FixturesTest extends AuwaiTestCase {

	private static function file( string $name ): string {
		return dirname( __DIR__, 4 ) . "/api/fixtures/extension-$name.json";
	}

	private static function read( string $name ): array {
		return json_decode( file_get_contents( self::file( $name ) ), true, 512, JSON_THROW_ON_ERROR );
	}

	private static function rewriting(): bool {
		return getenv( 'REWRITE' ) === '1';
	}

	private static function write( string $name, array $fixture ): void {
		file_put_contents( self::file( $name ), json_encode( $fixture,
			JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION ) . "\n" );
	}

	/** Ids are random, those of the fixture are numbered. */
	private static function numbered( Item $item, int $n ): Item {
		$id = $item->kind === Item::JOB ? sprintf( '%032x', $n ) : sprintf( '00000000-0000-4000-8000-%012x', $n );
		return new Item( $item->kind, $id, str_replace( $item->key, $id, $item->json ) );
	}

	public function testJobsAreWrittenAsTheFixtureSays() {
		$fixture = self::read( 'jobs' );
		foreach ( $fixture['cases'] as $c => $case ) {
			$items = [];
			foreach ( $case['pushed'] as $i => $pushed ) {
				$job = new JobSpecification( $pushed['type'], ParamCodec::unwrap( $pushed['params'] ), $pushed['options'] );
				$item = $this->service( 'Auwai.ItemFactory' )->job( $job, $pushed['wiki'] );
				$items[] = self::numbered( $item, $i + 1 );
			}
			$requests = Sender::requests( $items );
			$this->assertCount( 1, $requests );
			$body = '[' . implode( ',', array_column( $items, 'json' ) ) . ']';
			if ( self::rewriting() ) {
				$fixture['cases'][$c]['request']['body'] = $body;
			} else {
				$this->assertSame( $case['request']['body'], $body, $case['name'] );
			}
		}
		if ( self::rewriting() ) {
			self::write( 'jobs', $fixture );
		}
	}

	/** What is in a wiki's own queue is imported as if it were pushed now. */
	public function testJobsOfTheWikisOwnQueueAreWrittenAsTheFixtureSays() {
		$fixture = self::read( 'migrate' );
		foreach ( $fixture['cases'] as $c => $case ) {
			$params = ParamCodec::unwrap( $case['params'] );
			if ( self::rewriting() ) {
				$fixture['cases'][$c]['options'] = (object)$case['options'];
				$fixture['cases'][$c]['serialized'] = base64_encode( serialize( $params ) );
			} else {
				$this->assertSame( $case['serialized'], base64_encode( serialize( $params ) ), $case['name'] );
			}
			$job = new JobSpecification( $case['type'], $params, $case['options'] );
			$item = self::numbered( $this->service( 'Auwai.ItemFactory' )->job( $job, 'aawiki' ), 0 );
			if ( self::rewriting() ) {
				$fixture['cases'][$c]['item'] = $item->json;
			} else {
				$this->assertSame( $case['item'], $item->json, $case['name'] );
			}
		}
		if ( self::rewriting() ) {
			self::write( 'migrate', $fixture );
		}
	}

	public function testAnswersToJobsAreUnderstoodAsTheFixtureSays() {
		foreach ( self::read( 'jobs' )['answers'] as $answer ) {
			$this->setUp();
			$this->script( [ 'path' => '/v1/jobs', 'status' => $answer['status'], 'body' => $answer['body'], 'times' => 99 ] );
			$items = $this->items( $answer['jobs'] );
			$this->outbox()->add( $items );
			$rows = $this->rows();
			$left = [];
			foreach ( $items as $i => $item ) {
				foreach ( $rows as $row ) {
					if ( $row['key'] === $item->key ) {
						$left[] = [ 'job' => $i, 'set_aside' => $row['set_aside'] ];
					}
				}
			}
			$this->assertSame( $answer['left_in_spool'], $left, $answer['name'] );
		}
	}

	public function testPurgesAreWrittenAsTheFixtureSays() {
		$fixture = self::read( 'events' );
		$items = [];
		foreach ( $fixture['purged'] as $i => $url ) {
			$item = $this->service( 'Auwai.ItemFactory' )->purge( $url, 1767323045.5, "placeholder-$i" );
			$requestId = json_decode( $item->json, true )['meta']['request_id'];
			$item = new Item( $item->kind, $item->key, str_replace( $requestId, 'request-1', $item->json ) );
			$items[] = self::numbered( $item, $i + 1 );
		}
		$body = '[' . implode( ',', array_column( $items, 'json' ) ) . ']';
		if ( self::rewriting() ) {
			$fixture['request']['body'] = $body;
			self::write( 'events', $fixture );
		}
		$this->assertSame( self::read( 'events' )['request']['body'], $body );
	}

	public function testTheRunEndpointAnswersAsTheFixtureSays() {
		$fixture = self::read( 'run' );
		foreach ( $fixture['cases'] as $c => $case ) {
			$this->setUp();
			foreach ( $case['wiki_is'] as $state ) {
				touch( self::dir( $state ) );
			}
			$secret = $case['secret'] ?? self::SECRET;
			$answer = $this->runText( $case['request']['body'],
				Signature::sign( $secret, time() - ( $case['age'] ?? 0 ), $case['request']['body'] ) );
			$body = preg_replace( [ '/"time_ms":\d+/', '/ is -?\d+ seconds old/' ], [ '"time_ms":0', ' is 301 seconds old' ],
				$answer['body'] );
			$response = [ 'status' => $answer['status'], 'content_type' => $answer['type'], 'body' => $body ];
			if ( self::rewriting() ) {
				$fixture['cases'][$c]['response'] = $response;
			} else {
				$this->assertSame( $case['response'], $response, $case['name'] );
			}
		}
		if ( self::rewriting() ) {
			foreach ( $fixture['signatures'] as $i => $vector ) {
				$fixture['signatures'][$i]['header'] = Signature::sign( $vector['secret'], $vector['time'], $vector['body'] );
			}
			self::write( 'run', $fixture );
		}
	}

	public function testSignaturesAreThoseOfTheFixture() {
		foreach ( self::read( 'run' )['signatures'] as $vector ) {
			$this->assertSame( $vector['header'], Signature::sign( $vector['secret'], $vector['time'], $vector['body'] ) );
		}
	}

	public function testSizesAreReadAsTheFixtureSays() {
		$fixture = self::read( 'queues' );
		file_put_contents( self::dir( 'fake/queues.json' ), json_encode( $fixture['response']['body'] ) );
		foreach ( $fixture['sizes'] as $type => $sizes ) {
			$queue = JobQueue::factory( [ 'class' => JobQueueAuwai::class, 'domain' => 'aawiki', 'type' => $type ] );
			$this->assertSame( $sizes, [
				'size' => $queue->getSize(), 'delayed' => $queue->getDelayedCount(),
				'acquired' => $queue->getAcquiredCount(), 'abandoned' => $queue->getAbandonedCount(),
			], $type );
		}
		$this->assertSame( $fixture['request']['path'], $this->requests( '/v1/queues' )[0]['uri'] );
	}
}
