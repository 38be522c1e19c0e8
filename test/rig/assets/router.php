<?php
// What a web server's configuration would do: /w/*.php are MediaWiki's entry points, /wiki/* pages.

$rigPath = parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH ) ?: '/';
$rigRoot = getenv( 'MW_INSTALL_PATH' );

if ( preg_match( '!^/w/((?:index|api|load|rest|thumb|opensearch_desc)\.php)(/.*)?$!', $rigPath, $rigMatch ) ) {
	$rigEntry = $rigMatch[1];
	$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = "/w/$rigEntry";
	if ( ( $rigMatch[2] ?? '' ) !== '' ) {
		$_SERVER['PATH_INFO'] = $rigMatch[2];
	}
} elseif ( $rigPath === '/rpc/RunSingleJob.php' ) {
	$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = $rigPath;
	$_SERVER['SCRIPT_FILENAME'] = __DIR__ . '/rpc.php';
	chdir( $rigRoot );
	require __DIR__ . '/rpc.php';
	return true;
} elseif ( strpos( $rigPath, '/wiki/' ) === 0 || $rigPath === '/' ) {
	$rigEntry = 'index.php';
	$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = '/w/index.php';
	unset( $_SERVER['PATH_INFO'] );
} elseif ( preg_match( '!^/w/((?:resources|skins|extensions)/[\w./-]+\.(css|js|svg|png|gif|woff2?))$!', $rigPath, $rigMatch )
	&& strpos( $rigPath, '..' ) === false && is_file( "$rigRoot/$rigMatch[1]" ) ) {
	$rigTypes = [ 'css' => 'text/css', 'js' => 'text/javascript', 'svg' => 'image/svg+xml', 'png' => 'image/png', 'gif' => 'image/gif' ];
	header( 'Content-Type: ' . ( $rigTypes[$rigMatch[2]] ?? 'application/octet-stream' ) );
	header( 'Cache-Control: max-age=3600' );
	readfile( "$rigRoot/$rigMatch[1]" );
	return true;
} else {
	http_response_code( 404 );
	return true;
}
$_SERVER['SCRIPT_FILENAME'] = "$rigRoot/$rigEntry";
chdir( $rigRoot );
require "$rigRoot/$rigEntry";
