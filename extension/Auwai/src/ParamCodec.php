<?php

namespace MediaWiki\Extension\Auwai;

use InvalidArgumentException;

/**
 * Writes job parameters as JSON such that reading it gives back the identical PHP array.
 *
 * Plain JSON does that for nearly every job: lists, maps (PHP turns integer-like keys back into
 * integers), null, booleans, integers and floats. What JSON cannot hold is written as an object
 * with one key:
 *
 *   {"auwai:base64": "..."}          a string that is not valid UTF-8
 *   {"auwai:float": "INF"}           INF, -INF or NAN
 *   {"auwai:map": [[key, value]...]} an array with a key that is not valid UTF-8, or one that
 *                                    could be taken for an object of this table
 *
 * @license GPL-2.0-or-later
 */
class ParamCodec {
	private const MARK = 'auwai:';
	private const BASE64 = 'auwai:base64';
	private const FLOAT = 'auwai:float';
	private const MAP = 'auwai:map';

	private const FLAGS = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION |
		JSON_THROW_ON_ERROR;

	/**
	 * @param array $params
	 * @return string JSON object (list, if the array is one)
	 * @throws InvalidArgumentException If a value is neither scalar, null nor array
	 */
	public static function encode( array $params ): string {
		return $params === [] ? '{}' : self::json( self::wrap( $params ) );
	}

	/**
	 * @param array $decoded What json_decode() made of encode()'s text, with objects as arrays
	 * @return array
	 * @throws InvalidArgumentException If it holds a mark that this version does not know
	 */
	public static function unwrap( array $decoded ): array {
		$value = self::unwrapValue( $decoded );
		if ( !is_array( $value ) ) {
			throw new InvalidArgumentException( 'Job parameters are not an array.' );
		}
		return $value;
	}

	/**
	 * Exact JSON whatever php.ini says of the precision of floats.
	 *
	 * @param mixed $value
	 * @return string
	 */
	public static function json( $value ): string {
		$precision = ini_get( 'serialize_precision' ) === '-1' ? false : ini_set( 'serialize_precision', '-1' );
		try {
			return json_encode( $value, self::FLAGS );
		} finally {
			if ( $precision !== false ) {
				ini_set( 'serialize_precision', $precision );
			}
		}
	}

	/**
	 * @param mixed $value
	 * @return mixed Value that json() can write
	 */
	public static function wrap( $value ) {
		if ( is_string( $value ) ) {
			return self::isUtf8( $value ) ? $value : [ self::BASE64 => base64_encode( $value ) ];
		}
		if ( is_float( $value ) && !is_finite( $value ) ) {
			return [ self::FLOAT => is_nan( $value ) ? 'NAN' : ( $value > 0 ? 'INF' : '-INF' ) ];
		}
		if ( !is_array( $value ) ) {
			if ( $value !== null && !is_scalar( $value ) ) {
				throw new InvalidArgumentException(
					'A job parameter is of type ' . gettype( $value ) . '; only null, scalars and arrays can be queued.' );
			}
			return $value;
		}
		$asMap = count( $value ) === 1 && self::isMark( array_key_first( $value ) );
		$plain = [];
		$pairs = [];
		foreach ( $value as $key => $inner ) {
			$asMap = $asMap || ( is_string( $key ) && !self::isUtf8( $key ) );
			$plain[$key] = self::wrap( $inner );
			$pairs[] = [ self::wrap( $key ), $plain[$key] ];
		}
		return $asMap ? [ self::MAP => $pairs ] : $plain;
	}

	/**
	 * @param mixed $value
	 * @return mixed
	 */
	private static function unwrapValue( $value ) {
		if ( !is_array( $value ) ) {
			return $value;
		}
		if ( count( $value ) === 1 && self::isMark( array_key_first( $value ) ) ) {
			return self::unwrapMarked( array_key_first( $value ), reset( $value ) );
		}
		return array_map( [ self::class, 'unwrapValue' ], $value );
	}

	/**
	 * @param string $mark
	 * @param mixed $content
	 * @return mixed
	 */
	private static function unwrapMarked( string $mark, $content ) {
		if ( $mark === self::BASE64 && is_string( $content ) ) {
			$bytes = base64_decode( $content, true );
			if ( $bytes !== false ) {
				return $bytes;
			}
		} elseif ( $mark === self::FLOAT ) {
			$floats = [ 'INF' => INF, '-INF' => -INF, 'NAN' => NAN ];
			if ( is_string( $content ) && isset( $floats[$content] ) ) {
				return $floats[$content];
			}
		} elseif ( $mark === self::MAP && is_array( $content ) ) {
			$map = [];
			foreach ( $content as $pair ) {
				if ( !is_array( $pair ) || count( $pair ) !== 2 ) {
					throw new InvalidArgumentException( 'A pair of a map has not two parts.' );
				}
				$map[self::unwrapValue( $pair[0] )] = self::unwrapValue( $pair[1] );
			}
			return $map;
		}
		throw new InvalidArgumentException( "Job parameters hold '$mark', which this version cannot read." );
	}

	/**
	 * @param int|string $key
	 * @return bool
	 */
	private static function isMark( $key ): bool {
		return is_string( $key ) && strncmp( $key, self::MARK, strlen( self::MARK ) ) === 0;
	}

	private static function isUtf8( string $text ): bool {
		return preg_match( '//u', $text ) === 1;
	}
}
