<?php
/**
 * Router of PHP's built-in server for the wiki of the tests: /w/<entry point> and /wiki/<title>.
 */

$core = getenv( 'MW_INSTALL_PATH' );
$path = parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH );
if ( preg_match( '!^/w/(api|index|load|rest)\.php(/.*)?$!', $path, $m ) ) {
	$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = "/w/{$m[1]}.php";
	$_SERVER['SCRIPT_FILENAME'] = "$core/{$m[1]}.php";
	$_SERVER['PATH_INFO'] = $m[2] ?? '';
	chdir( $core );
	require "$core/{$m[1]}.php";
} elseif ( preg_match( '!^/wiki/!', $path ) ) {
	$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = '/w/index.php';
	$_SERVER['SCRIPT_FILENAME'] = "$core/index.php";
	chdir( $core );
	require "$core/index.php";
} else {
	http_response_code( 404 );
}
