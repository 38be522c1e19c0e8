<?php

namespace MediaWiki\Extension\Auwai\Maintenance;

use Maintenance;
use MediaWiki\Extension\Auwai\Compat;
use MediaWiki\Extension\Auwai\JobTable;
use MediaWiki\Extension\Auwai\ParamCodec;

$IP = getenv( 'MW_INSTALL_PATH' );
if ( $IP === false ) {
	$IP = __DIR__ . '/../../..';
}
require_once "$IP/maintenance/Maintenance.php";

/**
 * Lists the jobs of the wiki's own job table as JSON lines, for "auwai import jobs -".
 *
 * It only reads, and does not need the extension to be switched on: so the jobs can be listed while
 * the wiki still has its old settings.
 *
 * @license GPL-2.0-or-later
 */
class ExportJobs extends Maintenance {

	public function __construct() {
		parent::__construct();
		$this->addDescription( 'List the jobs of the wiki\'s own job table as JSON lines, for auwai import jobs' );
		$this->addOption( 'conf', 'Key of $wgJobQueueMigrationConfig that says where the table is ' .
			'(default: what $wgJobTypeConf says, else the wiki\'s database)', false, true );
	}

	/** @inheritDoc */
	public function execute() {
		foreach ( [ 'Compat', 'ParamCodec', 'JobTable' ] as $name ) {
			require_once __DIR__ . "/../src/$name.php";
		}
		$domain = Compat::currentDomain();
		$wiki = Compat::currentWikiId();
		foreach ( $this->tables() as $conf ) {
			foreach ( JobTable::open( $conf, $domain )->rows() as $row ) {
				$row = array_map( static function ( $value ) {
					return $value === null ? null : (string)$value;
				}, $row );
				foreach ( [ 'job_timestamp', 'job_token_timestamp' ] as $column ) {
					if ( isset( $row[$column] ) ) {
						$row[$column] = wfTimestamp( TS_MW, $row[$column] );
					}
				}
				$line = [ 'format' => 'mediawiki-job/1', 'wiki' => $wiki ] + $row + JobTable::duplicates( $row );
				$this->output( ParamCodec::json( ParamCodec::wrap( $line ) ) . "\n" );
			}
		}
		return true;
	}

	/**
	 * @return array[] Configurations of JobQueueDB, one for each place of a table
	 */
	private function tables(): array {
		$key = $this->getOption( 'conf' );
		if ( $key !== null ) {
			$named = $this->getConfig()->get( 'JobQueueMigrationConfig' );
			if ( !isset( $named[$key] ) ) {
				$this->fatalError( "\$wgJobQueueMigrationConfig has no key '$key'." );
			}
			return [ $named[$key] ];
		}
		$tables = [];
		foreach ( $this->getConfig()->get( 'JobTypeConf' ) as $conf ) {
			if ( is_a( $conf['class'], 'JobQueueDB', true ) ) {
				$place = array_intersect_key( $conf, [ 'server' => 1, 'cluster' => 1 ] );
				$tables[serialize( $place )] = $place;
			}
		}
		// Once another driver has taken over, what is left is where the default puts it.
		return $tables ? array_values( $tables ) : [ [] ];
	}
}

$maintClass = ExportJobs::class;
require_once RUN_MAINTENANCE_IF_MAIN;
