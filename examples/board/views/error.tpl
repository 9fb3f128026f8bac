% rebase('layout', title=error.status_line)
  <section class="card error">
    <h1>{{error.status_code}}</h1>
    <p>{{error.body}}</p>
    <p><a href="{{url('index')}}">← Back to the board</a></p>
  </section>
