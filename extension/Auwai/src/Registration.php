<?php

namespace MediaWiki\Extension\Auwai;

/**
 * @license GPL-2.0-or-later
 */
class Registration {

	/**
	 * Take over jobs and purges where the site has left MediaWiki's defaults in place.
	 *
	 * Runs after LocalSettings.php, so an own entry in $wgJobTypeConf or $wgEventRelayerConfig
	 * stays, and $wgAuwaiTakeOver = false leaves everything as it is.
	 */
	public static function onRegistration(): void {
		global $wgAuwaiTakeOver, $wgJobTypeConf, $wgJobRunRate, $wgEventRelayerConfig, $wgUseCdn;

		if ( !$wgAuwaiTakeOver ) {
			return;
		}
		$class = $wgJobTypeConf['default']['class'] ?? 'JobQueueDB';
		if ( in_array( $class, [ 'JobQueueDB', 'MediaWiki\\JobQueue\\JobQueueDB' ], true ) ) {
			$wgJobTypeConf['default'] = [
				'class' => JobQueueAuwai::class,
				'typeAgnostic' => true,
				// A wiki in read-only mode can still hand its jobs over.
				'readOnlyReason' => false,
			];
			// Page views would only ask for jobs that the service runs anyway.
			$wgJobRunRate = 0;
		}
		// MediaWiki names purged URLs also where there is no cache in front of it.
		if ( $wgUseCdn && !isset( $wgEventRelayerConfig['cdn-url-purges'] ) ) {
			$wgEventRelayerConfig['cdn-url-purges'] = [ 'class' => PurgeRelayer::class ];
		}
	}
}
