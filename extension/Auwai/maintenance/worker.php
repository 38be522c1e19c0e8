<?php

namespace MediaWiki\Extension\Auwai\Maintenance;

use Maintenance;
use MediaWiki\Extension\Auwai\SettingsFiles;
use MediaWiki\Extension\Auwai\Worker as WorkerProcess;
use MediaWiki\MediaWikiServices;

$IP = getenv( 'MW_INSTALL_PATH' );
if ( $IP === false ) {
	$IP = __DIR__ . '/../../..';
}
require_once "$IP/maintenance/Maintenance.php";

/**
 * Runs jobs that the Auwai service hands over by pipe. The service starts it; see src/Worker.php.
 *
 * @license GPL-2.0-or-later
 */
class Worker extends Maintenance {
	/** Bits of a file's mode that say what it is, and their value for a pipe. */
	private const KIND = 0170000;
	private const PIPE = 0010000;

	public function __construct() {
		parent::__construct();
		$this->addDescription( 'Run jobs that the Auwai service hands over. The service starts this script ' .
			'(runner: worker); answers go to file descriptor 3.' );
		$this->requireExtension( 'Auwai' );
	}

	/** @inheritDoc */
	public function execute() {
		global $IP;

		// Without the service the descriptor is closed, or that of this very file.
		$answers = @fopen( 'php://fd/3', 'w' );
		if ( !$answers || ( fstat( $answers )['mode'] & self::KIND ) !== self::PIPE ) {
			$this->fatalError( 'File descriptor 3 is no pipe: this script is started by the Auwai service (runner: worker).' );
		}
		if ( !defined( 'MEDIAWIKI_JOB_RUNNER' ) ) {
			define( 'MEDIAWIKI_JOB_RUNNER', true );
		}
		$services = MediaWikiServices::getInstance();
		$worker = new WorkerProcess(
			$services->getService( 'Auwai.JobBatch' ),
			$services->getService( 'Auwai.Drainer' ),
			$services->getReadOnlyMode(),
			SettingsFiles::ofThisProcess( $IP, (string)$this->getConfig()->get( 'ReadOnlyFile' ) ),
			[ 'in' => STDIN, 'answers' => $answers, 'marks' => STDOUT ]
		);
		$worker->run();
		return true;
	}
}

$maintClass = Worker::class;
require_once RUN_MAINTENANCE_IF_MAIN;
