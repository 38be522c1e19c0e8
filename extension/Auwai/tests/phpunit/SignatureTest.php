<?php

use MediaWiki\Extension\Auwai\Signature;
use PHPUnit\Framework\TestCase;

/**
 * @covers \MediaWiki\Extension\Auwai\Signature
 */
class SignatureTest extends TestCase {

	public function testTheSignatureStaysWhatItIs() {
		$this->assertSame(
			't=1767323045,v1=' . hash_hmac( 'sha256', '1767323045.{"jobs":[]}', 'abc123' ),
			Signature::sign( 'abc123', 1767323045, '{"jobs":[]}' ) );
	}

	public function testItHoldsForFiveMinutesInBothDirections() {
		$header = Signature::sign( 's', 1000000, 'body' );
		foreach ( [ 0, 300, -300 ] as $age ) {
			$this->assertNull( Signature::check( $header, 'body', [ 's' ], 1000000 + $age ) );
		}
		foreach ( [ 301, -301 ] as $age ) {
			$this->assertStringContainsString( "$age seconds old",
				Signature::check( $header, 'body', [ 's' ], 1000000 + $age ) );
		}
	}

	public function testAnyOfSeveralSecretsWillDo() {
		$header = Signature::sign( 'new', 1000000, 'body' );
		$this->assertNull( Signature::check( $header, 'body', [ 'old', 'new' ], 1000000 ) );
		$this->assertNotNull( Signature::check( $header, 'body', [ 'old' ], 1000000 ) );
		$this->assertNotNull( Signature::check( $header, 'body', [], 1000000 ) );
	}

	public function testSecretsComeFromTheSettings() {
		$this->assertSame( [ 'a' ], Signature::secrets( 'a', 'key' ) );
		$this->assertSame( [ 'a', 'b' ], Signature::secrets( [ 'a', '', 'b' ], 'key' ) );
		$this->assertSame( [ hash_hmac( 'sha256', 'auwai/run/v1', 'key' ) ], Signature::secrets( '', 'key' ) );
		$this->assertSame( [], Signature::secrets( '', '' ) );
	}
}
