<?php

namespace MediaWiki\Extension\Auwai\Maintenance;

use Maintenance;
use MediaWiki\Extension\Auwai\Signature;

$IP = getenv( 'MW_INSTALL_PATH' );
if ( $IP === false ) {
	$IP = __DIR__ . '/../../..';
}
require_once "$IP/maintenance/Maintenance.php";

/**
 * Prints the secret that the Auwai service needs to have jobs of this wiki run.
 *
 * @license GPL-2.0-or-later
 */
class Secret extends Maintenance {

	public function __construct() {
		parent::__construct();
		$this->addDescription( 'Print the secret that the Auwai service needs for this wiki (its secret_file)' );
		$this->requireExtension( 'Auwai' );
	}

	/** @inheritDoc */
	public function execute() {
		$secrets = Signature::secrets(
			$this->getConfig()->get( 'AuwaiSecret' ), (string)$this->getConfig()->get( 'SecretKey' ) );
		if ( !$secrets ) {
			$this->fatalError( 'This wiki has neither $wgAuwaiSecret nor $wgSecretKey.' );
		}
		$this->output( $secrets[0] . "\n" );
		return true;
	}
}

$maintClass = Secret::class;
require_once RUN_MAINTENANCE_IF_MAIN;
