<?php

namespace MediaWiki\Extension\Auwai;

/**
 * One job or event on its way to the Auwai service: a kind, an id and the exact text to send.
 *
 * The id is minted when the item is made, before the first try, and is part of the text. The
 * service answers a repeated id with what it did the first time, so an item may be sent again as
 * long as nobody knows whether it arrived.
 *
 * @license GPL-2.0-or-later
 */
class Item {
	public const JOB = 'job';
	public const EVENT = 'event';

	/** @var string One of the constants */
	public $kind;

	/** @var string client_id of a job, meta.id of an event; at most 64 bytes */
	public $key;

	/** @var string JSON object */
	public $json;

	/**
	 * @param string $kind
	 * @param string $key
	 * @param string $json
	 */
	public function __construct( string $kind, string $key, string $json ) {
		$this->kind = $kind;
		$this->key = $key;
		$this->json = $json;
	}
}
