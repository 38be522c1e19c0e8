<?php

use MediaWiki\Extension\Auwai\Sender;

/**
 * @covers \MediaWiki\Extension\Auwai\Client
 */
class TokenTest extends AuwaiTestCase {

	public function testTheTokenOfTheWikiGoesWithEachRequest() {
		$this->group()->push( new JobSpecification( 'null', [] ) );
		$this->queues( [] );
		$this->service( 'Auwai.QueueCounts' )->forWiki( 'aawiki' );
		$requests = $this->requests();
		$this->assertSame( [ '/v1/jobs', '/v1/queues' ], array_map( static function ( $request ) {
			return strtok( $request['uri'], '?' );
		}, $requests ) );
		foreach ( $requests as $request ) {
			$this->assertSame( 'auwt_of-this-wiki', $request['headers']['x-auwai-token'] );
		}
	}

	public function testWithoutATokenNoneIsSent() {
		$this->client( getenv( 'AUWAI_TEST_SERVER' ), '' )->get( '/v1/queues' );
		$this->assertArrayNotHasKey( 'x-auwai-token', $this->requests()[0]['headers'] );
	}

	public function testARefusedTokenKeepsTheJobInTheSpool() {
		$this->script( [ 'path' => '/v1/jobs', 'status' => 401, 'body' => '{"detail":"a token is needed here"}' ] );
		$this->group()->push( new JobSpecification( 'null', [] ) );
		$this->assertCount( 1, $this->rows() );
	}

	public function testATokenInTheAddressIsNotInAMessage() {
		$client = $this->client( getenv( 'AUWAI_TEST_CLOSED' ) . '/t/auwt_secret/', '' );
		$failure = ( new Sender( $client ) )->send( $this->items( 1 ) )->failure;
		$this->assertStringContainsString( '/t/…', $failure );
		$this->assertStringNotContainsString( 'auwt_secret', $failure );
	}
}
