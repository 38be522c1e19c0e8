<?php

namespace MediaWiki\Extension\Auwai;

/**
 * A request of the Auwai service to run jobs, by HTTP or by pipe:
 *
 * {"fence": int, "jobs": [{"id", "attempt", "payload": {"type", "params"}, "request_id", "cause"}...],
 * "max_time_s": number}
 *
 * and the lines that answer it.
 *
 * @license GPL-2.0-or-later
 */
class BatchRequest {

	/**
	 * @param mixed $request What json_decode() made of it, with objects as arrays
	 * @return string|null What is wrong with it; null if nothing is
	 */
	public static function fault( $request ): ?string {
		if ( !is_array( $request ) ) {
			return 'The body is not a JSON object.';
		}
		if ( !is_int( $request['fence'] ?? null ) || $request['fence'] < 0 ) {
			return 'fence is not a number of 0 or more.';
		}
		$maxTime = $request['max_time_s'] ?? null;
		if ( !( is_int( $maxTime ) || is_float( $maxTime ) ) || $maxTime < 0 ) {
			return 'max_time_s is not a number of 0 or more.';
		}
		$jobs = $request['jobs'] ?? null;
		if ( !is_array( $jobs ) || ( $jobs && array_keys( $jobs ) !== range( 0, count( $jobs ) - 1 ) ) ) {
			return 'jobs is not a list.';
		}
		foreach ( $jobs as $i => $job ) {
			if ( !is_string( $job['id'] ?? null ) || $job['id'] === '' ) {
				return "jobs[$i].id is not a string.";
			}
			if ( !is_string( $job['payload']['type'] ?? null ) ) {
				return "jobs[$i].payload.type is not a string.";
			}
			if ( !is_array( $job['payload']['params'] ?? null ) ) {
				return "jobs[$i].payload.params is not an object.";
			}
			if ( !is_string( $job['request_id'] ?? '' ) ) {
				return "jobs[$i].request_id is not a string.";
			}
			if ( !is_string( $job['cause'] ?? '' ) ) {
				return "jobs[$i].cause is not a string.";
			}
		}
		return null;
	}

	/**
	 * @param array $line
	 * @return string JSON in one line, with a line feed; bytes that are not UTF-8 are replaced
	 */
	public static function line( array $line ): string {
		array_walk_recursive( $line, static function ( &$value ) {
			if ( is_string( $value ) ) {
				$value = Text::cut( $value, strlen( $value ) );
			}
		} );
		return ParamCodec::json( $line ) . "\n";
	}
}
