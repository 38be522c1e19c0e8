<?php
/**
 * Global names of the core classes that this extension extends or throws.
 *
 * MediaWiki 1.39 has them only as global names, later versions only in namespaces with the old
 * names as aliases. Where an alias is gone, it is made here, so that one code base serves all.
 *
 * @file
 * @license GPL-2.0-or-later
 */

( static function (): void {
	$names = [
		'JobQueue' => 'MediaWiki\\JobQueue\\JobQueue',
		'JobQueueDB' => 'MediaWiki\\JobQueue\\JobQueueDB',
		'JobQueueError' => 'MediaWiki\\JobQueue\\Exceptions\\JobQueueError',
		'JobQueueConnectionError' => 'MediaWiki\\JobQueue\\Exceptions\\JobQueueConnectionError',
		'EventRelayer' => 'Wikimedia\\EventRelayer\\EventRelayer',
	];
	foreach ( $names as $old => $new ) {
		if ( !class_exists( $old ) ) {
			class_alias( $new, $old );
		}
	}
} )();
