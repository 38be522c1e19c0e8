<?php

use MediaWiki\Extension\Auwai\DuplicateKey;
use PHPUnit\Framework\TestCase;

/**
 * @covers \MediaWiki\Extension\Auwai\DuplicateKey
 */
class DuplicateKeyTest extends TestCase {
	private const ROOT = [
		'rootJobSignature' => 'f628445490e657a3bbd1d4d62a6447bcc215899c', 'rootJobTimestamp' => '20260102030405',
	];

	private static function key( array $params, array $options = [], string $type = 'null' ): ?string {
		return DuplicateKey::of( new JobSpecification( $type, $params, [ 'removeDuplicates' => true ] + $options ) );
	}

	public function testJobsThatAllowDuplicatesHaveNoKey() {
		$this->assertNull( DuplicateKey::of( new JobSpecification( 'null', [ 'lives' => 1 ] ) ) );
	}

	public function testTheKeyOfAJobStaysWhatItIs() {
		$this->assertSame( hash( 'sha256', '{"params":{"lives":1,"usleep":0},"type":"null"}' ),
			self::key( [ 'lives' => 1, 'usleep' => 0 ] ) );
	}

	/** What MediaWiki calls a duplicate: the hash of its own queue */
	private static function coresHash( array $info ): string {
		return Wikimedia\base_convert( sha1( serialize( $info ) ), 16, 36, 31 );
	}

	public static function provideCoreVectors(): array {
		$base = [ 'lives' => 1, 'usleep' => 0 ];
		return [
			'a specification' => [ $base, 'mpjlabgtd5iudtfa2080n8d4j9eu9ip' ],
			'its parameters reversed' => [ array_reverse( $base ), '3z0tketvkzdvb9hs1qn5wfvks5pe5sx' ],
		];
	}

	/**
	 * MediaWiki takes the order of parameters for a difference; to us they are one job.
	 * @dataProvider provideCoreVectors
	 */
	public function testTheOrderOfParametersChangesCoresHashAndNotOurKey( array $params, string $hash ) {
		$this->assertSame( $hash, self::coresHash( [ 'type' => 'null', 'params' => $params ] ) );
		$this->assertSame( self::key( [ 'lives' => 1, 'usleep' => 0 ] ), self::key( $params ) );
	}

	public static function provideEqual(): array {
		$base = [ 'lives' => 1, 'usleep' => 0 ];
		return [
			'order of parameters' => [ $base, [ 'usleep' => 0, 'lives' => 1 ], [] ],
			'order inside a parameter' => [ [ 'p' => [ 'a' => 1, 'b' => 2 ] ], [ 'p' => [ 'b' => 2, 'a' => 1 ] ], [] ],
			'order of pages' => [ [ 'p' => [ 5 => 'x', 3 => 'y' ] ], [ 'p' => [ 3 => 'y', 5 => 'x' ] ], [] ],
			'root and release' => [ $base, $base + self::ROOT + [ 'jobReleaseTimestamp' => 1700000000 ], [] ],
			'request' => [ $base, $base + [ 'requestId' => 'abc' ], [] ],
			'ignored parameter' => [ $base + [ 'cause' => 'x' ], $base + [ 'cause' => 'y' ],
				[ 'removeDuplicatesIgnoreParams' => [ 'cause' ] ] ],
		];
	}

	/**
	 * @dataProvider provideEqual
	 */
	public function testTheseAreTwins( array $one, array $other, array $options ) {
		$this->assertSame( self::key( $one, $options ), self::key( $other, $options ) );
	}

	public static function provideUnequal(): array {
		$base = [ 'lives' => 1, 'usleep' => 0 ];
		return [
			'another value' => [ $base, [ 'lives' => 2, 'usleep' => 0 ] ],
			'another type of value' => [ $base, [ 'lives' => '1', 'usleep' => 0 ] ],
			'the root itself' => [ $base + self::ROOT, $base + self::ROOT + [ 'rootJobIsSelf' => true ] ],
			'order of a list' => [ [ 'l' => [ 'a', 'b' ] ], [ 'l' => [ 'b', 'a' ] ] ],
			'binary strings' => [ [ 'a' => "\xfe" ], [ 'a' => "\xff" ] ],
		];
	}

	/**
	 * @dataProvider provideUnequal
	 */
	public function testTheseAreNoTwins( array $one, array $other ) {
		$this->assertNotSame( self::key( $one ), self::key( $other ) );
	}

	public function testTheTypeCounts() {
		$this->assertNotSame( self::key( [ 'a' => 1 ] ), self::key( [ 'a' => 1 ], [], 'other' ) );
	}

	public function testAJobObjectIsATwinOfItselfInAnyOrder() {
		$one = new NullJob( [ 'lives' => 1, 'usleep' => 0, 'removeDuplicates' => true ] );
		$other = new NullJob( [ 'removeDuplicates' => true, 'usleep' => 0, 'lives' => 1 ] );
		$this->assertNotNull( DuplicateKey::of( $one ) );
		$this->assertSame( DuplicateKey::of( $one ), DuplicateKey::of( $other ) );
	}

	public static function provideLeafTypes(): array {
		return [ [ 'refreshLinks' ], [ 'refreshLinksPrioritized' ], [ 'refreshLinksDynamic' ], [ 'htmlCacheUpdate' ] ];
	}

	/**
	 * @dataProvider provideLeafTypes
	 */
	public function testALeafOfTwoTemplatesIsOneJob( string $type ) {
		$pages = [ 'pages' => [ 31 => [ 0, 'Page_12' ] ] ];
		$one = $pages + [ 'namespace' => 10, 'title' => 'A', 'causeAction' => 'edit-page', 'causeAgent' => 'U' ];
		$other = $pages + [ 'namespace' => 10, 'title' => 'B', 'causeAction' => 'unknown', 'causeAgent' => 'V' ];
		$this->assertSame( self::key( $one, [], $type ), self::key( $other, [], $type ) );
		unset( $one['pages'], $other['pages'] );
		$this->assertNotSame( self::key( $one, [], $type ), self::key( $other, [], $type ) );
	}

	public function testPagesOfAnotherTypeMakeNoLeaf() {
		$pages = [ 'pages' => [ 31 => [ 0, 'Page_12' ] ] ];
		$this->assertNotSame( self::key( $pages + [ 'title' => 'A' ] ), self::key( $pages + [ 'title' => 'B' ] ) );
	}

	public function testARealRefreshLinksLeafIsCorrected() {
		$job = static function ( string $template ) {
			$title = Title::makeTitle( NS_TEMPLATE, $template );
			return new RefreshLinksJob( $title, [ 'pages' => [ 31 => [ 0, 'Page_12' ] ], 'causeAgent' => $template ] );
		};
		$this->assertNotNull( DuplicateKey::of( $job( 'A' ) ) );
		$this->assertSame( DuplicateKey::of( $job( 'A' ) ), DuplicateKey::of( $job( 'B' ) ) );
	}
}
