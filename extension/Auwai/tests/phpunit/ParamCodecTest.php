<?php

use MediaWiki\Extension\Auwai\ParamCodec;
use PHPUnit\Framework\TestCase;

/**
 * @covers \MediaWiki\Extension\Auwai\ParamCodec
 */
class ParamCodecTest extends TestCase {

	public static function provideParams(): array {
		return [
			'nothing' => [ [], '{}' ],
			'scalars' => [ [ 'a' => 1, 'b' => '1', 'c' => true, 'd' => null, 'e' => '' ], '{"a":1,"b":"1","c":true,"d":null,"e":""}' ],
			'floats stay floats' => [ [ 'f' => 1.0, 'g' => 0.1, 'h' => 1e25, 'i' => -0.0, 'j' => 0.1 + 0.2 ],
				'{"f":1.0,"g":0.1,"h":1.0e+25,"i":-0.0,"j":0.30000000000000004}' ],
			'large integers' => [ [ 'a' => PHP_INT_MAX, 'b' => PHP_INT_MIN ],
				'{"a":9223372036854775807,"b":-9223372036854775808}' ],
			'empty arrays' => [ [ 'a' => [], 'b' => [ [] ] ], '{"a":[],"b":[[]]}' ],
			'integer-like keys' => [ [ 'pages' => [ 5 => [ 0, 'Foo' ], 31 => [ 1, 'Bar' ] ] ],
				'{"pages":{"5":[0,"Foo"],"31":[1,"Bar"]}}' ],
			'keys 0 and 1 out of order' => [ [ 'm' => [ 1 => 'b', 0 => 'a' ] ], '{"m":{"1":"b","0":"a"}}' ],
			'a list' => [ [ 'a', 'b' ], '["a","b"]' ],
			'text' => [ [ 'title' => "Zürich/東京 \u{1F600} <&> \u{2028}\0\t\"" ], null ],
			'empty key' => [ [ '' => 1, "\0x" => 2 ], null ],
			'binary string' => [ [ 'title' => "caf\xe9" ], '{"title":{"auwai:base64":"Y2Fm6Q=="}}' ],
			'surrogate in UTF-8' => [ [ 'title' => "\xed\xa0\x80" ], '{"title":{"auwai:base64":"7aCA"}}' ],
			'binary key' => [ [ "\xff" => 1, 'b' => "\xfe" ],
				'{"auwai:map":[[{"auwai:base64":"/w=="},1],["b",{"auwai:base64":"/g=="}]]}' ],
			'looks like a mark' => [ [ 'x' => [ 'auwai:base64' => 'Zm9v' ] ], '{"x":{"auwai:map":[["auwai:base64","Zm9v"]]}}' ],
			'mark among others' => [ [ 'auwai:base64' => 'Zm9v', 'y' => 1 ], '{"auwai:base64":"Zm9v","y":1}' ],
			'mark of a mark' => [ [ 'auwai:map' => [ [ 'auwai:map' => [] ] ] ], null ],
			'not finite' => [ [ 'a' => INF, 'b' => -INF ], '{"a":{"auwai:float":"INF"},"b":{"auwai:float":"-INF"}}' ],
		];
	}

	/**
	 * @dataProvider provideParams
	 */
	public function testParametersComeBackIdentical( array $params, ?string $json ) {
		$text = ParamCodec::encode( $params );
		if ( $json !== null ) {
			$this->assertSame( $json, $text );
		}
		$this->assertSame( serialize( $params ), serialize( ParamCodec::unwrap( json_decode( $text, true ) ) ) );
	}

	public function testRandomParametersComeBackIdentical() {
		mt_srand( 20261124 );
		for ( $i = 0; $i < 3000; $i++ ) {
			$params = self::randomArray( 4 );
			$this->assertSame( serialize( $params ),
				serialize( ParamCodec::unwrap( json_decode( ParamCodec::encode( $params ), true ) ) ) );
		}
	}

	public function testPrecisionOfPhpIniDoesNotMatter() {
		$old = ini_set( 'serialize_precision', '5' );
		$text = ParamCodec::encode( [ 'f' => 0.1 + 0.2 ] );
		$this->assertSame( '5', ini_set( 'serialize_precision', $old ) );
		$this->assertSame( '{"f":0.30000000000000004}', $text );
	}

	public function testAnObjectIsRefused() {
		$this->expectException( InvalidArgumentException::class );
		ParamCodec::encode( [ 'o' => new stdClass ] );
	}

	public function testAnUnknownMarkIsRefused() {
		$this->expectException( InvalidArgumentException::class );
		ParamCodec::unwrap( [ 'x' => [ 'auwai:later' => 1 ] ] );
	}

	private static function randomArray( int $depth ): array {
		$array = [];
		for ( $n = mt_rand( 0, 4 ); $n > 0; $n-- ) {
			$keys = [ count( $array ), mt_rand( -3, 9 ), 'auwai:map', 'auwai:base64', 'k' . mt_rand( 0, 9 ), "\xfe" . mt_rand( 0, 3 ) ];
			$array[$keys[mt_rand( 0, 5 )]] = self::randomValue( $depth );
		}
		return $array;
	}

	private static function randomValue( int $depth ) {
		switch ( mt_rand( 0, $depth > 0 ? 8 : 6 ) ) {
			case 0:
				return null;
			case 1:
				return (bool)mt_rand( 0, 1 );
			case 2:
				return mt_rand( -5, PHP_INT_MAX );
			case 3:
				return mt_rand() / 7;
			case 4:
				return "text \u{e9} " . mt_rand();
			case 5:
				return (string)mt_rand( 0, 9 );
			case 6:
				return random_bytes( 3 );
			default:
				return self::randomArray( $depth - 1 );
		}
	}
}
