<?php

namespace MediaWiki\Extension\Auwai;

/**
 * What became of the items of one Sender::send().
 *
 * Items of none of the lists were not tried, or nobody knows whether they arrived.
 *
 * @license GPL-2.0-or-later
 */
class SendResult {
	/** @var string[] Keys of the items that the service keeps now */
	public $accepted = [];

	/** @var string[] Key => reason: refused this time, may be taken later */
	public $refused = [];

	/** @var string[] Key => reason: never to be taken as they are */
	public $invalid = [];

	/** @var string|null Why the rest was not sent; null if everything was answered */
	public $failure = null;
}
