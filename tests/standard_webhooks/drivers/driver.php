<?php

// Asks the guide's PHP, which lies beside this file as webhook.php, whether deliveries are genuine.
//
// Reads lines of secret, id, timestamp, signatures and body (base64), separated by tabs; an empty
// header is left out. Prints true or false for each.

declare(strict_types=1);

require __DIR__ . '/webhook.php';

const NAMES = ['HTTP_WEBHOOK_ID', 'HTTP_WEBHOOK_TIMESTAMP', 'HTTP_WEBHOOK_SIGNATURE'];

foreach (file($argv[1], FILE_IGNORE_NEW_LINES) as $line) {
    $fields = explode("\t", $line);
    $server = array_filter(array_combine(NAMES, array_slice($fields, 1, 3)), 'strlen');
    echo is_genuine($fields[0], $server, base64_decode($fields[4])) ? "true\n" : "false\n";
}
