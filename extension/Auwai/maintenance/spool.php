<?php

namespace MediaWiki\Extension\Auwai\Maintenance;

use Maintenance;
use MediaWiki\MediaWikiServices;

$IP = getenv( 'MW_INSTALL_PATH' );
if ( $IP === false ) {
	$IP = __DIR__ . '/../../..';
}
require_once "$IP/maintenance/Maintenance.php";

/**
 * Shows, drains or retries what the Auwai service has not taken yet.
 *
 * @license GPL-2.0-or-later
 */
class Spool extends Maintenance {

	public function __construct() {
		parent::__construct();
		$this->addDescription( 'Show or send what the Auwai service has not taken yet' );
		$this->addOption( 'show', 'List the first rows of the table auwai_spool' );
		$this->addOption( 'limit', 'With --show: number of rows (default 50)', false, true );
		$this->addOption( 'full', 'With --show: with what would be sent' );
		$this->addOption( 'drain', 'Send what waits' );
		$this->addOption( 'retry', 'Send also what the service refused before (with --drain)' );
		$this->addOption( 'seconds', 'With --drain: for how long (default 60)', false, true );
		$this->requireExtension( 'Auwai' );
	}

	/** @inheritDoc */
	public function execute() {
		$services = MediaWikiServices::getInstance();
		$ok = true;
		if ( $this->hasOption( 'drain' ) ) {
			$ok = $this->drain( $services );
		}
		if ( $this->hasOption( 'show' ) ) {
			$this->show( $services );
		}
		$table = $services->getService( 'Auwai.TableSpool' );
		$file = $services->getService( 'Auwai.FileSpool' );
		$counts = $table->exists() ? $table->count() : null;
		$this->output( 'table: ' . ( $counts === null ? 'absent (run update.php)'
			: "{$counts['waiting']} waiting, {$counts['set_aside']} set aside" ) . "\n" );
		if ( $file->exists() ) {
			$counts = $file->count();
			$this->output( "file:  {$counts['waiting']} waiting, {$counts['set_aside']} set aside\n" );
		}
		return $ok;
	}

	/**
	 * @param MediaWikiServices $services
	 * @return bool
	 */
	private function drain( $services ): bool {
		if ( $this->hasOption( 'retry' ) ) {
			if ( $services->getService( 'Auwai.TableSpool' )->exists() ) {
				$services->getService( 'Auwai.TableSpool' )->retryAll();
			}
			$services->getService( 'Auwai.FileSpool' )->retryAll();
		}
		$report = $services->getService( 'Auwai.Drainer' )->drain( (float)$this->getOption( 'seconds', 60 ) );
		$this->output( "sent: {$report->sent}\n" );
		if ( $report->setAside ) {
			$this->output( "set aside now: {$report->setAside}\n" );
		}
		if ( $report->busy ) {
			$this->output( "another process is at it\n" );
		}
		if ( $report->failure !== null ) {
			$this->error( "stopped: {$report->failure}" );
			return false;
		}
		return true;
	}

	/**
	 * @param MediaWikiServices $services
	 */
	private function show( $services ): void {
		$table = $services->getService( 'Auwai.TableSpool' );
		foreach ( $table->exists() ? $table->show( (int)$this->getOption( 'limit', 50 ) ) : [] as $row ) {
			$this->output( sprintf( "%d %s %s %s %d bytes%s%s\n", $row['id'], $row['created'], $row['kind'], $row['key'],
				$row['bytes'], $row['set_aside'] ? ' SET ASIDE' : '',
				$row['error'] === '' ? '' : " refused {$row['refusals']} times: {$row['error']}" ) );
			if ( $this->hasOption( 'full' ) ) {
				$this->output( "  {$row['item']}\n" );
			}
		}
	}
}

$maintClass = Spool::class;
require_once RUN_MAINTENANCE_IF_MAIN;
