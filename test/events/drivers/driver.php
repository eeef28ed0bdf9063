<?php

require $argv[1];
foreach (file($argv[2]) as $line) {
    $case = json_decode($line, true, 512, JSON_THROW_ON_ERROR);
    $server = [];
    foreach ($case['headers'] as $name => $value) {
        $server['HTTP_' . strtoupper(strtr($name, '-', '_'))] = $value;
    }
    try {
        $is = is_signed($server, base64_decode($case['body']), $case['secret'], $case['now']);
        echo $is ? "true\n" : "false\n";
    } catch (InvalidArgumentException) {
        echo "error\n";
    }
}
