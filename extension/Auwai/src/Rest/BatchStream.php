<?php

namespace MediaWiki\Extension\Auwai\Rest;

use MediaWiki\Extension\Auwai\BatchRequest;
use MediaWiki\Rest\StringStream;

/**
 * A response body that is made while it is sent: each line leaves as soon as it is known.
 *
 * MediaWiki copies a body to the client after it has sent the headers and committed its main
 * transaction. The work happens there, so that a PHP process that dies in the middle has already
 * told what it had done by then.
 *
 * @license GPL-2.0-or-later
 */
class BatchStream extends StringStream {
	/** @var callable Gets a function that sends a line */
	private $work;

	/**
	 * @param callable $work Gets a function( array $line ) that sends a line
	 */
	public function __construct( callable $work ) {
		parent::__construct( '' );
		$this->work = $work;
	}

	/** @inheritDoc */
	public function copyToStream( $stream ): void {
		// The client going away must not kill a job in its middle.
		ignore_user_abort( true );
		while ( ob_get_level() > 0 && ob_end_flush() ) {
			// Nothing may hold lines back.
			continue;
		}
		( $this->work )( static function ( array $line ) use ( $stream ): void {
			fwrite( $stream, BatchRequest::line( $line ) );
			fflush( $stream );
			flush();
		} );
	}
}
