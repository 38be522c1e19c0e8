<?php
// Pushes the jobs of the standard input, a JSON list of {"type", "params"}, into the wiki's own queue,
// and says how many wait there. Of the benchmark of ways to run jobs.

require_once getenv( 'MW_INSTALL_PATH' ) . '/maintenance/Maintenance.php';

use MediaWiki\MediaWikiServices;

class AuwaiBenchPush extends Maintenance {
	public function execute() {
		$group = MediaWikiServices::getInstance()->getJobQueueGroup();
		$class = class_exists( 'MediaWiki\\JobQueue\\JobSpecification' )
			? 'MediaWiki\\JobQueue\\JobSpecification' : 'JobSpecification';
		$jobs = [];
		foreach ( json_decode( stream_get_contents( STDIN ), true ) as $job ) {
			$jobs[] = new $class( $job['type'], $job['params'] );
		}
		$group->push( $jobs );
		foreach ( array_unique( array_map( static function ( $job ) {
			return $job->getType();
		}, $jobs ) ) as $type ) {
			$group->get( $type )->flushCaches();
			$this->output( get_class( $group->get( $type ) ) . ' ' . $group->get( $type )->getSize() . "\n" );
		}
	}
}

$maintClass = AuwaiBenchPush::class;
require_once RUN_MAINTENANCE_IF_MAIN;
