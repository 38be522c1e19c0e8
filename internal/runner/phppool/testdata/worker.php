<?php
// Stands in for the extension's worker script, without MediaWiki: the same lines, and jobs that do what
// their parameters say.

foreach ( $argv as $arg ) {
	if ( preg_match( '/^--wiki=(.*)$/', $arg, $m ) ) {
		$wiki = $m[1];
	} elseif ( preg_match( '/^--memory-limit=(\d+)$/', $arg, $m ) ) {
		ini_set( 'memory_limit', $m[1] );
	}
}
ini_set( 'display_errors', 'stderr' );
$answers = fopen( 'php://fd/3', 'w' );
$tell = static function ( array $line ) use ( $answers ) {
	fwrite( $answers, json_encode( $line ) . "\n" );
};
$tell( [ 'ready' => true, 'wiki' => $wiki ] );
while ( ( $text = fgets( STDIN ) ) !== false ) {
	foreach ( json_decode( $text, true )['jobs'] as $i => $job ) {
		fwrite( STDOUT, "\x1e$i\n" );
		$params = $job['payload']['params'];
		$line = [ 'id' => $job['id'], 'ok' => true ];
		if ( isset( $params['print'] ) ) {
			echo "{$params['print']} to stdout\n";
			fwrite( STDERR, "{$params['print']} to stderr\n" );
		}
		switch ( $params['do'] ?? '' ) {
			case 'pid':
				$line['error'] = (string)getmypid();
				break;
			case 'fail':
				$line = [ 'id' => $job['id'], 'ok' => false, 'error' => 'it would not', 'caught' => [ 'RuntimeException' ] ];
				break;
			case 'exhaust memory':
				for ( $hog = []; ; ) {
					$hog[] = str_repeat( 'x', 1 << 20 );
				}
		}
		$tell( $line );
	}
	$tell( [ 'done' => true, 'spool' => 0, 'stopped' => '', 'reason' => '', 'leaving' => false ] );
}
