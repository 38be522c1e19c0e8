<?php

namespace MediaWiki\Extension\Auwai;

use InvalidArgumentException;
use Throwable;

/**
 * What the Auwai service keeps of a job, made a job again.
 *
 * @license GPL-2.0-or-later
 */
class Payload {

	/**
	 * @param mixed $payload {type, params} as json_decode() gives them; EventBus's events have both too
	 * @param string $requestId Of the request that queued the job, '' if it is not known
	 * @return object A RunnableJob
	 * @throws Throwable If it is no such thing, the type is unknown, or the job's constructor refuses
	 *  the parameters
	 */
	public static function toJob( $payload, string $requestId ) {
		if ( !is_string( $payload['type'] ?? null ) || !is_array( $payload['params'] ?? null ) ) {
			throw new InvalidArgumentException( 'The payload is not an object with type and params.' );
		}
		$params = ParamCodec::unwrap( $payload['params'] );
		// All that the job does carries the id of the request that queued it.
		if ( !isset( $params['requestId'] ) && $requestId !== '' ) {
			$params['requestId'] = $requestId;
		}
		return Compat::newJob( $payload['type'], $params );
	}

	/**
	 * Says on a job which one it is at the service, for logs and for core's scripts.
	 *
	 * @param object $job A RunnableJob
	 * @param string $id
	 * @param string $time RFC 3339, '' if it is not known
	 */
	public static function mark( $job, string $id, string $time = '' ): void {
		$job->setMetadata( 'id', $id );
		$unix = strtotime( $time );
		if ( $unix !== false ) {
			$job->setMetadata( 'timestamp', wfTimestamp( TS_MW, $unix ) );
		}
	}
}
