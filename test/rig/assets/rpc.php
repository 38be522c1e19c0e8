<?php
// A runner script as large farms have: it takes one job event, finds the wiki by "database", runs the
// job, and answers 200 with nothing, or 500. It looks at no signature.

use MediaWiki\MediaWikiServices;

if ( $_SERVER['REQUEST_METHOD'] !== 'POST' ) {
	http_response_code( 405 );
	return true;
}
$rigEvent = json_decode( file_get_contents( 'php://input' ), true );
if ( !isset( $rigEvent['database'], $rigEvent['type'], $rigEvent['params'], $rigEvent['meta']['request_id'] ) ) {
	http_response_code( 422 );
	return true;
}
define( 'MEDIAWIKI_JOB_RUNNER', true );
define( 'MW_DB', $rigEvent['database'] );
require "$rigRoot/includes/WebStart.php";

$rigServices = MediaWikiServices::getInstance();
if ( $rigServices->getReadOnlyMode()->isReadOnly() ) {
	header( 'X-Readonly: true' );
	http_response_code( 500 );
	return true;
}
WebRequest::overrideRequestId( $rigEvent['meta']['request_id'] );
try {
	$rigJob = Job::factory( $rigEvent['type'], $rigEvent['params'] );
	$rigResult = $rigServices->getJobRunner()->executeJob( $rigJob );
	$rigDone = $rigResult['status'] !== false || !$rigJob->allowRetries();
} catch ( InvalidArgumentException $e ) {
	$rigDone = false;
}
http_response_code( $rigDone ? 200 : 500 );
