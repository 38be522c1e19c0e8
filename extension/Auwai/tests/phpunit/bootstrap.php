<?php
/**
 * Loads the real wiki named by AUWAI_WIKI_CONFIG for PHPUnit.
 *
 * MediaWiki wants to be loaded in the global scope, and PHPUnit includes its bootstrap in a
 * function; so this file is given to PHP as auto_prepend_file, as tests/run.sh does.
 */

if ( !getenv( 'AUWAI_WIKI_CONFIG' ) ) {
	fwrite( STDERR, "AUWAI_WIKI_CONFIG names no settings file: run tests/run.sh.\n" );
	exit( 1 );
}
putenv( 'MW_CONFIG_FILE=' . getenv( 'AUWAI_WIKI_CONFIG' ) );
$IP = getenv( 'MW_INSTALL_PATH' ) ?: '/usr/share/mediawiki';
putenv( "MW_INSTALL_PATH=$IP" );

$auwaiArgv = $argv;
$argv = [ $argv[0] ];
require_once "$IP/maintenance/Maintenance.php";

class AuwaiTestBootstrap extends Maintenance {
	public function execute() {
		return true;
	}
}

$maintClass = AuwaiTestBootstrap::class;
require_once RUN_MAINTENANCE_IF_MAIN;
$argv = $_SERVER['argv'] = $auwaiArgv;
// PHPUnit itself comes after this file, so its classes cannot be extended yet.
spl_autoload_register( static function ( string $class ): void {
	if ( $class === 'AuwaiTestCase' ) {
		require_once __DIR__ . '/AuwaiTestCase.php';
	}
} );
