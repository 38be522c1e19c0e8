<?php

namespace MediaWiki\Extension\Auwai;

/**
 * The signature of a run request, made by the Auwai service and checked here.
 *
 * Header X-Auwai-Signature: t=<unix seconds>,v1=<hex of HMAC-SHA256(secret, t + "." + body)>
 *
 * @license GPL-2.0-or-later
 */
class Signature {
	public const HEADER = 'X-Auwai-Signature';

	/** Seconds by which the two clocks may differ, transport included. */
	public const WINDOW = 300;

	/**
	 * @param string $secret
	 * @param int $time Unix seconds
	 * @param string $body
	 * @return string Value of the header
	 */
	public static function sign( string $secret, int $time, string $body ): string {
		return "t=$time,v1=" . hash_hmac( 'sha256', "$time.$body", $secret );
	}

	/**
	 * @param string $header
	 * @param string $body
	 * @param string[] $secrets Any of them will do
	 * @param int $now
	 * @return string|null What is wrong, in words; null if the signature is right
	 */
	public static function check( string $header, string $body, array $secrets, int $now ): ?string {
		if ( $header === '' ) {
			return 'The header ' . self::HEADER . ' is missing.';
		}
		if ( !preg_match( '/^t=(\d{1,12}),v1=([0-9a-f]{64})$/D', $header, $m ) ) {
			return 'The header ' . self::HEADER . ' is not of the form t=<unix seconds>,v1=<64 hex digits>.';
		}
		$time = (int)$m[1];
		$right = false;
		foreach ( $secrets as $secret ) {
			$right = hash_equals( self::sign( $secret, $time, $body ), $header ) || $right;
		}
		if ( !$right ) {
			return 'The signature does not fit the body: the secret of this wiki and that of the service differ, ' .
				'or something between them changed the body.';
		}
		if ( abs( $now - $time ) > self::WINDOW ) {
			return 'The signature is ' . ( $now - $time ) . ' seconds old by the clock of this wiki; at most ' .
				self::WINDOW . ' seconds are accepted. Are both clocks right?';
		}
		return null;
	}

	/**
	 * @param string|string[] $configured $wgAuwaiSecret
	 * @param string $secretKey $wgSecretKey
	 * @return string[] Secrets that this wiki accepts; empty if it has none
	 */
	public static function secrets( $configured, string $secretKey ): array {
		$secrets = array_values( array_filter( (array)$configured, static function ( $secret ) {
			return is_string( $secret ) && $secret !== '';
		} ) );
		if ( $secrets === [] && $secretKey !== '' ) {
			// Derived, so that whoever reads the service's copy learns nothing of $wgSecretKey.
			$secrets[] = hash_hmac( 'sha256', 'auwai/run/v1', $secretKey );
		}
		return $secrets;
	}
}
