<?php

namespace MediaWiki\Extension\Auwai;

use MediaWiki\MediaWikiServices;
use RuntimeException;

require_once __DIR__ . '/aliases.php';

/**
 * Hands purged URLs to the Auwai service, as events of the stream resource-purge.
 *
 *   $wgEventRelayerConfig['cdn-url-purges'] = [ 'class' => PurgeRelayer::class ];
 *
 * They take the same way as jobs: after the commit, and over the spool if need be.
 *
 * @license GPL-2.0-or-later
 */
class PurgeRelayer extends \EventRelayer {

	/** @inheritDoc */
	protected function doNotify( $channel, array $events ): bool {
		$services = MediaWikiServices::getInstance();
		$ids = $services->getGlobalIdGenerator();
		$items = [];
		foreach ( $events as $event ) {
			if ( isset( $event['url'] ) ) {
				$items[] = $services->getService( 'Auwai.ItemFactory' )->purge(
					$event['url'], (float)( $event['timestamp'] ?? microtime( true ) ), $ids->newUUIDv4() );
			}
		}
		try {
			$services->getService( 'Auwai.Outbox' )->add( $items );
		} catch ( RuntimeException $e ) {
			// Logged by the outbox. A purge that is lost must not undo what it follows.
			return false;
		}
		return true;
	}
}
