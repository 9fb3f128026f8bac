<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{{title}} · Board</title>
  <link rel="icon" href="{{url('static', path='icon.svg')}}" type="image/svg+xml">
  <link rel="stylesheet" href="{{url('static', path='board.css')}}">
</head>
<body>
  <header>
    <a class="brand" href="{{url('index')}}">
      <img src="{{url('static', path='icon.svg')}}" alt="" width="32" height="32"> Board
    </a>
    <nav>
      <a href="{{url('index')}}">Messages</a>
      <a href="{{url('api')}}">JSON</a>
      <a href="{{url('export')}}">CSV</a>
    </nav>
  </header>
  <main>
{{!base}}
  </main>
  <footer>Made with Bottle: one file of Python for the pages, one for SQLite.</footer>
</body>
</html>
