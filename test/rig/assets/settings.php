<?php
// Settings of every wiki of the farm. farm.json, beside this file, says what differs.

$rigFarm = json_decode( file_get_contents( __DIR__ . '/farm.json' ), true );
if ( defined( 'MW_DB' ) ) {
	$rigName = MW_DB;
} else {
	$rigName = $rigFarm['hosts'][ strtolower( preg_replace( '/:\d+$/', '', $_SERVER['HTTP_HOST'] ?? '' ) ) ] ?? '';
}
if ( !isset( $rigFarm['wikis'][$rigName] ) ) {
	if ( PHP_SAPI === 'cli' ) {
		fwrite( STDERR, "no such wiki in the farm: \"$rigName\"\n" );
		exit( 1 );
	}
	http_response_code( 404 );
	header( 'Content-Type: text/plain' );
	exit( "no wiki answers to this host\n" );
}
$rigWiki = $rigFarm['wikis'][$rigName];

$wgSitename = $rigName;
$wgServer = $rigWiki['server'];
$wgScriptPath = '/w';
$wgArticlePath = '/wiki/$1';
$wgUsePathInfo = false;
$wgLanguageCode = 'en';
$wgSecretKey = trim( file_get_contents( $rigWiki['secret_file'] ) );
$wgUpgradeKey = false;
$wgConf->settings = [];
$wgLocalDatabases = array_keys( $rigFarm['wikis'] );
foreach ( $rigFarm['wikis'] as $rigOther => $rigConf ) {
	$wgConf->settings['wgServer'][$rigOther] = $rigConf['server'];
	$wgConf->settings['wgCanonicalServer'][$rigOther] = $rigConf['server'];
	$wgConf->settings['wgArticlePath'][$rigOther] = '/wiki/$1';
	$wgConf->settings['wgScriptPath'][$rigOther] = '/w';
}
$wgConf->wikis = $wgLocalDatabases;
$wgConf->suffixes = [ 'wiki' ];

// Throw-away data: nothing waits for the disk.
$rigStore = static function ( string $name, string $mode ) use ( $rigWiki ) {
	return [
		'type' => 'sqlite',
		'dbname' => $name,
		'dbDirectory' => $rigWiki['data'],
		'tablePrefix' => '',
		'variables' => [ 'synchronous' => 'OFF' ],
		'trxMode' => $mode,
		'flags' => 0,
	];
};
$wgDBtype = 'sqlite';
$wgDBname = $rigName;
$wgSQLiteDataDir = $rigWiki['data'];
// SQLite refuses at once a transaction that began by reading and writes after another has written
// ("database is locked"). Requests that write therefore begin as writers, and wait for their turn.
$rigWrites = PHP_SAPI === 'cli' || ( $_SERVER['REQUEST_METHOD'] ?? '' ) === 'POST';
$wgDBservers = [ [ 'load' => 1, 'flags' => DBO_DEFAULT ] + $rigStore( $rigName, $rigWrites ? 'IMMEDIATE' : '' ) ];
$wgObjectCaches[CACHE_DB] = [
	'class' => SqlBagOStuff::class,
	'loggroup' => 'SQLBagOStuff',
	'server' => $rigStore( 'wikicache', 'IMMEDIATE' ),
];
$wgObjectCaches['db-replicated'] = [
	'factory' => 'Wikimedia\ObjectFactory\ObjectFactory::getObjectFromSpec',
	'args' => [ [ 'factory' => 'ObjectCache::getInstance', 'args' => [ CACHE_DB ] ] ],
];
$wgLocalisationCacheConf['storeServer'] = $rigStore( "{$rigName}_l10n_cache", 'IMMEDIATE' );
$wgResourceLoaderUseObjectCacheForDeps = true;

// APCu is shared by the workers of the web server; scripts have one of their own and keep nothing.
$wgMainCacheType = PHP_SAPI === 'cli' ? CACHE_NONE : CACHE_ACCEL;
$wgParserCacheType = CACHE_DB;
$wgSessionCacheType = CACHE_DB;

// Without a skin MediaWiki falls back to one whose pages no cache may keep.
wfLoadSkin( 'MonoBook' );
$wgDefaultSkin = 'monobook';

$wgUseCdn = true;
$wgCdnServersNoPurge = [ '127.0.0.1' ];
$wgCdnMaxAge = 3600;
$wgInternalServer = $wgServer;

$wgJobRunRate = 0;
$wgReadOnlyFile = $rigWiki['read_only_file'];
$wgCacheDirectory = $rigWiki['cache'];
$wgTmpDirectory = $rigWiki['cache'];
$wgUploadDirectory = $rigWiki['cache'];
$wgEnableUploads = false;
$wgShowExceptionDetails = true;
$wgRateLimits = [];
$wgEnableEmail = false;
$wgMaxShellMemory = 0;
$wgPhpCli = PHP_SAPI === 'cli' ? PHP_BINARY : '/usr/bin/php';
foreach ( [ 'exception', 'error', 'fatal', 'Auwai', 'runJobs', 'JobQueue' ] as $rigChannel ) {
	$wgDebugLogGroups[$rigChannel] = $rigWiki['log'];
}

if ( isset( $rigWiki['feed'] ) ) {
	$wgRCFeeds['rig'] = [
		'class' => UDPRCFeedEngine::class,
		'uri' => $rigWiki['feed']['uri'],
		'formatter' => $rigWiki['feed']['formatter'],
		'add_interwiki_prefix' => false,
		'omit_bots' => false,
	];
}

// While it is filled, a wiki has its own queue and nobody to purge. Without the extension it keeps
// that queue and purges by itself, the cache or what farm.json says.
$rigPlain = getenv( 'RIG_PLAIN' ) !== false;
$rigOwnQueue = [
	'class' => 'JobQueueDB',
	'order' => 'timestamp',
	'claimTTL' => 3600,
	'server' => $rigStore( "{$rigName}_jobqueue", 'IMMEDIATE' ),
];
if ( $rigPlain || $rigFarm['extension'] === '' ) {
	$wgJobTypeConf['default'] = $rigOwnQueue;
	if ( !$rigPlain && $rigWiki['purges']['server'] !== '' ) {
		$wgCdnServers = [ $rigWiki['purges']['server'] ];
	}
	if ( !$rigPlain && $rigWiki['purges']['htcp'] !== '' ) {
		$rigTo = explode( ':', $rigWiki['purges']['htcp'] );
		$wgHTCPRouting = [ '' => [ 'host' => $rigTo[0], 'port' => (int)$rigTo[1] ] ];
	}
} else {
	wfLoadExtension( 'Auwai', $rigFarm['extension'] . '/extension.json' );
	$wgAuwaiServer = $rigFarm['auwai'];
	$wgAuwaiSecret = $wgSecretKey;
	$wgAuwaiSpoolDirectory = $rigWiki['spool'];
	$wgJobQueueMigrationConfig = [
		'own' => $rigOwnQueue,
		'auwai' => [ 'class' => MediaWiki\Extension\Auwai\JobQueueAuwai::class ],
	];
}
