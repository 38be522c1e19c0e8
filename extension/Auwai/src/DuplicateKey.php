<?php

namespace MediaWiki\Extension\Auwai;

/**
 * The key under which the Auwai service finds waiting twins of a job.
 *
 * Core's information (type and parameters without those of the root, the release and the ignored
 * ones) with two of its faults put right:
 *  - the order of parameters does not count, nor does the request that queued the job;
 *  - a RefreshLinks or HTMLCacheUpdate job that lists its pages is the same job whichever template
 *    or user it comes from. Core means to leave these out, but takes them off one level too high.
 *
 * @license GPL-2.0-or-later
 */
class DuplicateKey {
	private const NEVER_COUNT = [
		'rootJobSignature', 'rootJobTimestamp', 'jobReleaseTimestamp', 'requestId',
	];
	private const LEAF_TYPES = [
		'refreshLinks', 'refreshLinksPrioritized', 'refreshLinksDynamic', 'htmlCacheUpdate',
	];
	private const NOT_OF_A_LEAF = [ 'namespace', 'title', 'causeAction', 'causeAgent' ];

	/**
	 * @param object $job An IJobSpecification
	 * @return string|null 64 hex digits, null if the job is not to be compared with others
	 */
	public static function of( $job ): ?string {
		if ( !$job->ignoreDuplicates() ) {
			return null;
		}
		$info = $job->getDeduplicationInfo();
		$params = (array)( $info['params'] ?? [] );
		$drop = self::NEVER_COUNT;
		if ( isset( $params['pages'] ) && in_array( $info['type'] ?? '', self::LEAF_TYPES, true ) ) {
			$drop = array_merge( $drop, self::NOT_OF_A_LEAF );
		}
		$info['params'] = array_diff_key( $params, array_flip( $drop ) );
		return hash( 'sha256', ParamCodec::json( ParamCodec::wrap( self::sorted( $info ) ) ) );
	}

	/**
	 * @param array $value
	 * @return array The same with the keys of every map in one order
	 */
	private static function sorted( array $value ): array {
		if ( $value !== [] && array_keys( $value ) !== range( 0, count( $value ) - 1 ) ) {
			ksort( $value, SORT_STRING );
		}
		foreach ( $value as $key => $inner ) {
			if ( is_array( $inner ) ) {
				$value[$key] = self::sorted( $inner );
			}
		}
		return $value;
	}
}
