<?php
/**
 * Settings of the throw-away wiki of the tests. What depends on the run comes from the environment;
 * files in the wiki's folder switch things on for web requests: "readonly", "private", "nosecret".
 */

if ( !defined( 'MEDIAWIKI' ) ) {
	exit;
}

$auwaiDir = getenv( 'AUWAI_TEST_DIR' );

$wgSitename = 'Auwai test';
$wgServer = getenv( 'AUWAI_TEST_WIKI' );
$wgScriptPath = '/w';
$wgArticlePath = '/wiki/$1';
$wgDBname = 'aawiki';
$wgSecretKey = 'c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00';
$wgUpgradeKey = '0123456789abcdef';
$wgLocalDatabases = [ 'aawiki', 'bbwiki' ];
$wgLocalisationCacheConf['store'] = 'array';
$wgLocalisationCacheConf['storeDirectory'] = "$auwaiDir/cache";
$wgCacheDirectory = "$auwaiDir/cache";
$wgDBtype = getenv( 'AUWAI_TEST_DB' );
if ( $wgDBtype === 'sqlite' ) {
	$wgSQLiteDataDir = "$auwaiDir/data";
	$auwaiStore = [
		'type' => 'sqlite', 'tablePrefix' => '', 'load' => 1, 'variables' => [ 'synchronous' => 'OFF' ],
		'dbDirectory' => $wgSQLiteDataDir, 'trxMode' => 'IMMEDIATE',
	];
	$wgDBservers = [ [ 'dbname' => $wgDBname, 'flags' => DBO_DEFAULT ] + $auwaiStore ];
	// As the installer does for SQLite: caches apart from the wiki's own transactions.
	$wgObjectCaches[CACHE_DB] = [
		'class' => SqlBagOStuff::class, 'server' => [ 'dbname' => 'wikicache', 'flags' => 0 ] + $auwaiStore,
	];
} else {
	$wgDBserver = getenv( 'AUWAI_TEST_DB_SERVER' );
	$wgDBuser = getenv( 'AUWAI_TEST_DB_USER' );
	$wgDBpassword = '';
	if ( $wgDBtype === 'postgres' ) {
		$wgDBmwschema = 'mediawiki';
		$wgDBport = getenv( 'AUWAI_TEST_DB_PORT' );
	} else {
		$wgDBTableOptions = 'ENGINE=InnoDB, DEFAULT CHARSET=binary';
	}
}
$wgMainCacheType = CACHE_DB;
$wgSessionCacheType = CACHE_DB;
$wgLanguageCode = 'en';
$wgShowExceptionDetails = true;
$wgEnableUploads = false;
$wgRateLimits = [];
$wgUseCdn = true;
$wgDebugLogGroups['Auwai'] = "$auwaiDir/auwai.log";
$wgDBerrorLog = "$auwaiDir/db.log";

wfLoadExtension( 'Auwai', getenv( 'AUWAI_TEST_EXTENSION' ) . '/extension.json' );
$wgAuwaiServer = getenv( 'AUWAI_TEST_SERVER' );
$wgAuwaiSecret = 'tests share this secret';
$wgAuwaiToken = 'auwt_of-this-wiki';
$wgAuwaiSpoolDirectory = "$auwaiDir/spool";

require getenv( 'AUWAI_TEST_EXTENSION' ) . '/tests/wiki/TestJob.php';
$wgJobClasses['auwaiTest'] = AuwaiTestJob::class;
$wgJobQueueMigrationConfig = [
	'table' => [ 'class' => 'JobQueueDB' ],
	'auwai' => [ 'class' => MediaWiki\Extension\Auwai\JobQueueAuwai::class ],
];
// 100 waiting jobs are as bad as a database that lags by a second.
$wgJobQueueIncludeInMaxLagFactor = 100;

// MediaWiki reads it once in a process: a worker has to notice that it came.
$wgReadOnlyFile = "$auwaiDir/readonly-file";
if ( file_exists( "$auwaiDir/readonly" ) ) {
	$wgReadOnly = 'being moved';
}
if ( file_exists( "$auwaiDir/private" ) ) {
	$wgGroupPermissions['*']['read'] = false;
	$wgGroupPermissions['*']['writeapi'] = false;
}
if ( file_exists( "$auwaiDir/nosecret" ) ) {
	$wgAuwaiSecret = '';
	$wgSecretKey = '';
}
