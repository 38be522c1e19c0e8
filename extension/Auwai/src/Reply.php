<?php

namespace MediaWiki\Extension\Auwai;

/**
 * What the Auwai service answered.
 *
 * @license GPL-2.0-or-later
 */
class Reply {
	/** @var int HTTP status; 0 if there was no whole answer */
	public $status;

	/** @var string */
	public $body;

	/** @var string Why there was no answer */
	private $error;

	/**
	 * @param int $status
	 * @param string $body
	 * @param string $error
	 */
	public function __construct( int $status, string $body, string $error = '' ) {
		$this->status = $status;
		$this->body = $body;
		$this->error = $error;
	}

	/**
	 * @return array|null The body read as JSON
	 */
	public function json(): ?array {
		$value = json_decode( $this->body, true );
		return is_array( $value ) ? $value : null;
	}

	/**
	 * @return string What went wrong, in words, for logs and operators
	 */
	public function describe(): string {
		if ( $this->status === 0 ) {
			return $this->error !== '' ? $this->error : 'no answer';
		}
		$json = $this->json();
		$detail = $json['detail'] ?? $json['error'] ?? $json['title'] ?? $json['message'] ?? $this->body;
		if ( !is_string( $detail ) ) {
			$detail = $this->body;
		}
		return "HTTP {$this->status}: " . Text::cut( $detail, 500 );
	}
}
