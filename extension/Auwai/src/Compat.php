<?php

namespace MediaWiki\Extension\Auwai;

use MediaWiki\MediaWikiServices;

/**
 * The few things whose place differs between MediaWiki 1.39 and later versions.
 *
 * @license GPL-2.0-or-later
 */
class Compat {

	/**
	 * @return string Id of the web request, or of the script run, that is going on
	 */
	public static function requestId(): string {
		// Each of these is where JobRunner of its version puts the id of a job's own request.
		$telemetry = 'MediaWiki\\Http\\Telemetry';
		if ( class_exists( $telemetry ) ) {
			return (string)$telemetry::getInstance()->getRequestId();
		}
		$class = class_exists( 'MediaWiki\\Request\\WebRequest' )
			? 'MediaWiki\\Request\\WebRequest' : 'WebRequest';
		return (string)$class::getRequestId();
	}

	/**
	 * @param string $domain DB domain id, as drivers get it
	 * @return string Name of the wiki, as in job events
	 */
	public static function wikiId( string $domain ): string {
		$class = class_exists( 'MediaWiki\\WikiMap\\WikiMap' )
			? 'MediaWiki\\WikiMap\\WikiMap' : 'WikiMap';
		return $class::getWikiIdFromDbDomain( $domain );
	}

	/**
	 * @return string Name of the current wiki
	 */
	public static function currentWikiId(): string {
		$class = class_exists( 'MediaWiki\\WikiMap\\WikiMap' )
			? 'MediaWiki\\WikiMap\\WikiMap' : 'WikiMap';
		return $class::getCurrentWikiId();
	}

	/**
	 * @return string DB domain id of the current wiki, as drivers get it
	 */
	public static function currentDomain(): string {
		$class = class_exists( 'MediaWiki\\WikiMap\\WikiMap' )
			? 'MediaWiki\\WikiMap\\WikiMap' : 'WikiMap';
		return $class::getCurrentWikiDbDomain()->getId();
	}

	/**
	 * @param string $type Job type
	 * @param array $params
	 * @return object A RunnableJob
	 * @throws \Throwable If the type is unknown or the job's constructor refuses the parameters
	 */
	public static function newJob( string $type, array $params ) {
		$services = MediaWikiServices::getInstance();
		if ( $services->hasService( 'JobFactory' ) ) {
			return $services->getService( 'JobFactory' )->newJob( $type, $params );
		}
		return \Job::factory( $type, $params );
	}

	/**
	 * Restart the time limits of this process, so that each job of a batch has its own.
	 *
	 * @param int $seconds 0 for no limit
	 */
	public static function restartTimeLimit( int $seconds ): void {
		set_time_limit( $seconds );
		$class = 'Wikimedia\\RequestTimeout\\RequestTimeout';
		if ( class_exists( $class ) ) {
			$class::singleton()->setWallTimeLimit( $seconds ?: INF );
		}
	}
}
